// Asynchronous handlers, snoozes and time limits.
#include <cstdio>
#include <deque>

#include "core/mutex.h"
#include "core/thread.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/resident_memory.h"
#include "tests/support/watched_broker.h"

namespace leat::test {
namespace {

class Handlers : public JobsSuite {
 protected:
  // Keeps what an asynchronous handler was given.
  void keep(Completion completion) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    kept_.push_back(std::move(completion));
  }
  std::size_t kept() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return kept_.size();
  }
  std::deque<Completion> take_kept() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::exchange(kept_, {});
  }

 private:
  Mutex mutex_;
  std::deque<Completion> kept_ LEAT_GUARDED_BY(mutex_);
};

TEST_P(Handlers, ManyAsynchronousJobsWaitOnOneThread) {
  constexpr std::size_t kJobs = 300;
  push_numbers(kJobs);
  Worker worker(broker(), {.concurrency = 1});
  worker.handle_async("number", [&](Completion completion) { keep(std::move(completion)); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return kept() == kJobs; })) << kept();
  EXPECT_EQ(worker.counts().running, kJobs);
  EXPECT_EQ(worker.counts().done, 0U);
  Tally tally(kJobs);
  for (Completion& completion : take_kept()) {
    tally.mark(completion.job().payload());
    completion.finish(Outcome::done());
  }
  EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs; })) << worker.counts().done;
  EXPECT_TRUE(tally.all_between(1, 1));
}

TEST_P(Handlers, FiveThousandAsynchronousJobsWaitAtOnce) {
  constexpr std::size_t kJobs = 5000;
  push_numbers(kJobs);
  Worker worker(broker(), {.concurrency = 1, .async_jobs = 6000});
  worker.handle_async("number", [&](Completion completion) { keep(std::move(completion)); });
  const std::int64_t before = resident_memory();
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return kept() == kJobs; })) << kept();
  const std::int64_t used = resident_memory() - before;
  EXPECT_EQ(worker.counts().running, kJobs);
  if (!is_sanitized()) {
    EXPECT_LT(used, 100 << 20);
    std::printf("memory used by %zu waiting completions: %ld KiB\n", kJobs, used / 1024);
  }
  for (Completion& completion : take_kept()) completion.finish(Outcome::done());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs; })) << worker.counts().done;
}

TEST_P(Handlers, NoMoreAsynchronousJobsThanAllowed) {
  push_numbers(20);
  Worker worker(broker(), {.concurrency = 2, .async_jobs = 3});
  worker.handle_async("number", [&](Completion completion) { keep(std::move(completion)); });
  ASSERT_TRUE(worker.start());
  std::size_t done = 0;
  while (done < 20) {
    ASSERT_TRUE(eventually([&] { return kept() > 0; }));
    EXPECT_LE(kept(), 3U);
    for (Completion& completion : take_kept()) {
      completion.finish(Outcome::done());
      ++done;
    }
  }
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 20; }));
}

TEST_P(Handlers, ADroppedCompletionIsAFailedAttempt) {
  push_numbers(1, {.max_attempts = 1});
  Worker worker(broker(), {.concurrency = 1});
  worker.handle_async("number", [](Completion) {});
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_NE(DeadLetters(broker()).list().value().front().error.find("Completion"), std::string::npos);
}

TEST_P(Handlers, WhatAnAsynchronousHandlerThrowsEndsTheAttempt) {
  push_numbers(3, {.max_attempts = 2});
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  const auto on_exception = [](const std::exception& thrown) {
    const std::string text = thrown.what();
    return text == "hopeless" ? Outcome::dead("given up: " + text) : Outcome::retry(text);
  };
  worker.handle_async("number",
                      [](Completion completion) {
                        if (completion.job().payload() == "0") throw std::runtime_error("hopeless");
                        if (completion.job().payload() == "1") throw std::runtime_error("on the way");
                        completion.finish(Outcome::done());
                        throw std::runtime_error("too late");
                      },
                      {.on_exception = on_exception});
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 2 && worker.counts().done == 1; }));
  std::map<std::string, std::string> errors;
  for (const DeadLetter& letter : DeadLetters(broker()).list().value())
    errors[letter.payload] = std::to_string(letter.attempts) + " " + letter.error;
  EXPECT_EQ(errors, (std::map<std::string, std::string>{{"0", "1 given up: hopeless"}, {"1", "2 on the way"}}));
}

TEST_P(Handlers, StopWaitsForAsynchronousJobsAndInterruptsThem) {
  push_numbers(1);
  Worker worker(broker(), {.concurrency = 1, .grace = 1ms});
  std::atomic<bool> stopped{false};
  Thread elsewhere;
  worker.handle_async("number", [&](Completion completion) {
    elsewhere = start_thread(
        "elsewhere", [&, shared = std::make_shared<Completion>(std::move(completion))](const std::stop_token&) {
          const std::stop_token stop = shared->job().stop_token();
          stopped = !leat::sleep_for(real_clock(), 1min, stop) && shared->job().stop_reason() == StopReason::kShutdown;
          shared->finish(Outcome::retry("stopped"));
        });
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().running == 1; }));
  Thread stopper = start_thread("stopper", [&](const std::stop_token&) { worker.stop(); });
  EXPECT_TRUE(eventually([&] { return stopped.load(); }));
  stopper.join();
  EXPECT_EQ(worker.counts().interrupted, 1U);
  EXPECT_EQ(messages("leat_medium"), 1U);
}

TEST_P(Handlers, ASnoozeCostsNoAttempt) {
  push_numbers(1, {.max_attempts = 1});
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<int> calls{0};
  std::atomic<unsigned> last_attempt{0};
  worker.handle("number", [&](JobContext& job) {
    last_attempt = job.attempt();
    return ++calls < 4 ? Outcome::snooze(20ms) : Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(last_attempt, 1U);
  EXPECT_EQ(worker.counts().retried, 0U);
  worker.stop();
  EXPECT_TRUE(broker().open_bucket({.name = "leat_attempts"}).value()->list("").value().empty());
}

TEST_P(Handlers, AnAttemptThatTakesTooLongHasFailed) {
  push_numbers(1, {.max_attempts = 2, .timeout = 50ms});
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  worker.handle("number", [&](JobContext& job) {
    leat::sleep_for(real_clock(), 1min, job.stop_token());
    EXPECT_EQ(job.stop_reason(), StopReason::kTimeout);
    return Outcome::retry("gave up");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  const auto letter = DeadLetters(broker()).list().value().front();
  EXPECT_EQ(letter.attempts, 2U);
  EXPECT_EQ(letter.reason, "attempts");
  EXPECT_NE(letter.error.find("longer than its limit"), std::string::npos) << letter.error;
}

TEST_P(Handlers, WhatComesOutDoneIsDoneAlsoAfterTheLimit) {
  push_numbers(1);
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number",
                [&](JobContext& job) {
                  leat::sleep_for(real_clock(), 1min, job.stop_token());
                  return Outcome::done();
                },
                {.timeout = 30ms});
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
}

TEST_P(Handlers, AStuckHandlerIsReportedAndCounted) {
  push_numbers(1);
  Worker worker(broker(), {.concurrency = 1, .stuck_after = 20ms});
  std::atomic<bool> go_on{false};
  worker.handle("number",
                [&](JobContext&) {
                  while (!go_on) leat::sleep_for(real_clock(), 1ms, {});
                  return Outcome::done();
                },
                {.timeout = 10ms});
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().stuck > 0; }));
  go_on = true;
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
}

TEST_P(Handlers, AJobPastItsDeadlineIsDead) {
  const SystemTime now = broker().clock().now();
  push_numbers(1, {.deadline = now - 1s});
  push_numbers(1, {.priority = Priority::kLow, .deadline = now + 300ms});
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1h)});
  std::atomic<int> calls{0};
  worker.handle("number", [&](JobContext& job) {
    ++calls;
    EXPECT_EQ(job.id().priority(), Priority::kLow);
    leat::sleep_for(real_clock(), 1min, job.stop_token());
    EXPECT_EQ(job.stop_reason(), StopReason::kDeadline);
    return Outcome::retry("no time");
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  EXPECT_LE(calls, 1);
  for (const DeadLetter& letter : DeadLetters(broker()).list().value()) EXPECT_EQ(letter.reason, "deadline");
}

TEST_P(Handlers, ARetryThatWouldComeTooLateIsNotWaitedFor) {
  push_numbers(1, {.retry = RetryPolicy::fixed(2h), .deadline = broker().clock().now() + 1h});
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [](JobContext&) { return Outcome::retry("no"); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_EQ(DeadLetters(broker()).list().value().front().reason, "deadline");
}

TEST_P(Handlers, AKindAndAJobHaveRetriesOfTheirOwn) {
  push_numbers(1);
  push_numbers(1, {.priority = Priority::kLow, .max_attempts = 4, .retry = RetryPolicy::of_table({1ms})});
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(24h)});
  std::atomic<int> own{0};
  std::atomic<int> of_kind{0};
  worker.handle("number",
                [&](JobContext& job) {
                  ++(job.id().priority() == Priority::kLow ? own : of_kind);
                  return Outcome::retry("no");
                },
                {.retry = RetryPolicy::fixed(1ms), .max_attempts = 2});
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  EXPECT_EQ(of_kind, 2);
  EXPECT_EQ(own, 4);
}

TEST_P(Handlers, AnExceptionMayHaveAVerdictOfItsOwn) {
  push_numbers(2);
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  worker.handle("number",
                [](JobContext& job) -> Outcome {
                  if (job.payload() == "0") throw std::invalid_argument("never");
                  if (job.attempt() == 1) throw 7;
                  return Outcome::done();
                },
                {.on_exception = [](const std::exception& e) { return Outcome::dead(e.what()); }});
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1 && worker.counts().done == 1; }));
  EXPECT_EQ(DeadLetters(broker()).list().value().front().error, "never");
}

TEST_P(Handlers, BadOptionsAreRefusedWithTheirKind) {
  for (const HandlerOptions& options : {HandlerOptions{.max_attempts = 0U}, HandlerOptions{.timeout = 0s},
                                        HandlerOptions{.retry = RetryPolicy{.factor = 0}}}) {
    Worker worker(broker());
    worker.handle(
        "resize", [](JobContext&) { return Outcome::done(); }, options);
    const auto started = worker.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(started.error().message().find("resize"), std::string::npos) << started.error().message();
  }
}

TEST_P(Handlers, ASnoozePastTheDeadlineEndsTheJob) {
  push_numbers(1, {.deadline = broker().clock().now() + 1h});
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [](JobContext&) { return Outcome::snooze(2h); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  const DeadLetter letter = DeadLetters(broker()).list().value().front();
  EXPECT_EQ(letter.reason, "deadline");
  EXPECT_EQ(letter.attempts, 0U);
}

// Longer than any clock lasts.
TEST_P(Handlers, AJobMayWaitForEver) {
  DeliveryLog log;
  BrokerView view(log);
  const auto watched = make_watched_broker(open_another(), view);
  push_numbers(3, {.retry = RetryPolicy{.first = Duration::max(), .longest = Duration::max()}});
  Worker worker(*watched, {.concurrency = 1});
  worker.handle("number", [](JobContext& job) {
    if (job.payload() == "0") return Outcome::retry_after(Duration::max(), "later");
    if (job.payload() == "1") return Outcome::snooze(Duration::max());
    return Outcome::retry("later");
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return log.of("0").settled + log.of("1").settled + log.of("2").settled == 3; }));
  ASSERT_TRUE(Queue(broker()).push(EncodedJob{"number", "3"}));
  EXPECT_TRUE(eventually([&] { return worker.counts().retried >= 3; }));
  for (const std::string job : {"0", "1", "2"}) EXPECT_EQ(log.of(job).times, 1U) << job;
  EXPECT_EQ(worker.counts().interrupted, 0U);
}

LEAT_ON_EVERY_JOBS_BROKER(Handlers);

}  // namespace
}  // namespace leat::test
