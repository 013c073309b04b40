// What a handler gives back that is no plain outcome, and that attempts are counted exactly whatever ends them.
#include <numeric>
#include <random>

#include "leat/memory_broker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/attempt_trial.h"

namespace leat::test {
namespace {

class BadEndings : public JobsSuite {};

TEST_P(BadEndings, WhatIsNoExceptionIsARetryAndSaysSo) {
  push_numbers(1, {.max_attempts = 2});
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  std::atomic<unsigned> calls{0};
  worker.handle("number", [&](JobContext& job) -> Outcome {
    EXPECT_EQ(job.attempt(), ++calls);
    throw 7;
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_EQ(calls, 2U);
  const auto letter = DeadLetters(broker()).list().value().front();
  EXPECT_EQ(letter.reason, "attempts");
  EXPECT_EQ(letter.attempts, 2U);
  EXPECT_EQ(letter.error, "the handler threw something that is no std::exception");
}

TEST_P(BadEndings, AResultThatIsTooLargeMakesItsJobDead) {
  const std::size_t limit = broker().capabilities().max_message_bytes;
  const JobId kept = push_numbers(1, {.result = KeepResult::kYes}).front();
  push_numbers(1, {.priority = Priority::kLow});  // nobody wants its result
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [&](JobContext&) { return Outcome::done(std::string(limit + 1, 'x')); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1 && worker.counts().done == 1; }))
      << worker.counts().dead << " dead, " << worker.counts().done << " done";
  EXPECT_EQ(worker.counts().started, 2U);
  const auto letters = DeadLetters(broker()).list().value();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().id, kept);
  EXPECT_EQ(letters.front().reason, "dead");
  EXPECT_EQ(letters.front().attempts, 1U);
  EXPECT_NE(letters.front().error.find("its result cannot be stored: "), std::string::npos) << letters.front().error;
  EXPECT_NE(letters.front().error.find(std::to_string(limit)), std::string::npos) << letters.front().error;
  const auto result = Results(broker()).wait(kept, 10s).value();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->state, JobResult::State::kDead);
  EXPECT_EQ(result->error, letters.front().error);
}

TEST_P(BadEndings, AnErrorThatIsTooLargeIsCut) {
  const std::size_t limit = std::min<std::size_t>(broker().capabilities().max_message_bytes, 2'000'000);
  const JobId kept = push_numbers(1, {.result = KeepResult::kYes, .max_attempts = 1}).front();
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number",
                [&](JobContext&) -> Outcome { throw std::runtime_error("odd " + std::string(limit, '\xc3')); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_EQ(worker.counts().started, 1U);
  const auto letter = DeadLetters(broker()).list().value().front();
  EXPECT_EQ(letter.reason, "attempts");
  EXPECT_EQ(letter.attempts, 1U);
  EXPECT_TRUE(letter.error.starts_with("odd "));
  const auto result = Results(broker()).wait(kept, 10s).value();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->state, JobResult::State::kDead);
}

LEAT_ON_EVERY_JOBS_BROKER(BadEndings);

class Attempts : public JobsSuite {};

// Each of the events that cost a lease's time once, in random order, between outcomes. src/jobs/attempts_test.cc has
// many more, on a manual clock.
TEST_P(Attempts, AreCountedExactlyWhateverEndsThem) {
  using enum TrialEvent;
  std::vector<TrialEvent> events{kOutcomes, kOutcomes, kShutdown, kStopNow, kCrash, kUnsettled, kLostLeases};
  const std::size_t which = std::accumulate(GetParam().begin(), GetParam().end(), std::size_t{0});
  const auto seed = static_cast<std::uint32_t>(which + 1000U * static_cast<unsigned>(GTEST_FLAG_GET(random_seed)));
  std::shuffle(events.begin(), events.end(), std::minstd_rand(seed));
  TrialOptions options{.seed = seed, .jobs = 8, .ack_wait = 1s, .delay = 20ms, .long_delay = 1500ms};
  options.open = [this] { return open_another(); };
  if (fixture().manual_clock() != nullptr) {
    options.open = [memory = std::shared_ptr(open_memory_broker())] { return memory; };
  }
  AttemptTrial(options).run(events);
}

// A server that is killed forgets how long a retry is to wait, and of its last moments that it has delivered at all.
TEST_P(Attempts, RetriesThatComeEarlyGoBackForFree) {
  if (!fixture().has_server()) return;
  constexpr int kJobs = 20;
  constexpr Duration kDelay = 6s;
  push_numbers(kJobs, {.max_attempts = 2});
  DeliveryLog log;
  BrokerView view(log);
  const auto watched = make_watched_broker(open_another(), view);
  Worker worker(*watched, {.concurrency = 4, .ack_wait = 1s});
  Mutex mutex;
  std::map<std::string, SteadyTime> failed_at;
  std::atomic<int> wrong{0};
  worker.handle("number", [&](JobContext& job) {
    MutexLock lock(mutex);
    const SteadyTime now = real_clock().steady();
    const auto [before, is_first] = failed_at.try_emplace(std::string(job.payload()), now);
    if (job.attempt() != (is_first ? 1U : 2U)) ++wrong;
    if (is_first) return Outcome::retry_after(kDelay, "later");
    if (now - before->second < kDelay - 100ms) ++wrong;
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().retried == kJobs; })) << worker.counts().retried;
  fixture().stop_server(BrokerFixture::Shutdown::kKill);
  fixture().start_server();
  EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs; })) << worker.counts().done;
  EXPECT_EQ(worker.counts().started, 2U * kJobs);
  EXPECT_EQ(wrong, 0);
  std::uint32_t deliveries = 0;
  for (int i = 0; i < kJobs; ++i) deliveries += log.of(std::to_string(i)).times;
  EXPECT_GT(deliveries, 2U * kJobs) << "none came early";
}

// The server brings the job again when it is back, if no renewal comes first: to the worker that has it in hand, and
// knows that it lives.
TEST_P(Attempts, AWorkerThatOutlivesItsServerHasNotCrashed) {
  if (!fixture().has_server()) return;
  push_numbers(1, {.max_attempts = 3});
  DeliveryLog log;
  BrokerView view(log);
  const auto watched = make_watched_broker(open_another(), view);
  Worker worker(*watched, {.concurrency = 2, .retry = RetryPolicy::fixed(1ms), .ack_wait = 1s});
  Mutex mutex;
  std::vector<unsigned> attempts;
  std::atomic<bool> is_running{false};
  std::atomic<bool> has_come_again{false};
  worker.handle("number", [&](JobContext& job) {
    {
      MutexLock lock(mutex);
      attempts.push_back(job.attempt());
      if (attempts.size() == 1) return Outcome::snooze(1ms);  // what comes after it leaves a mark
      if (attempts.size() > 2) return Outcome::done();
    }
    is_running = true;
    EXPECT_TRUE(eventually([&] { return has_come_again.load(); }));
    return Outcome::retry("failed");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return is_running.load(); }));
  fixture().stop_server(BrokerFixture::Shutdown::kKill);
  const SteadyTime lease_ends = real_clock().steady() + 1500ms;
  EXPECT_TRUE(eventually([&] { return real_clock().steady() > lease_ends; }));
  fixture().start_server();
  const SteadyTime renewed_by = real_clock().steady() + 2s;
  EXPECT_TRUE(eventually([&] { return log.of("0").times > 2 || real_clock().steady() > renewed_by; }));
  has_come_again = true;
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  worker.stop();
  MutexLock lock(mutex);
  // The second attempt failed, or was interrupted if its lease was lost before: no third one has crashed.
  EXPECT_EQ(attempts.at(1), 1U);
  EXPECT_EQ(attempts.at(2), worker.counts().interrupted == 0 ? 2U : 1U);
}

LEAT_ON_EVERY_JOBS_BROKER(Attempts);

}  // namespace
}  // namespace leat::test
