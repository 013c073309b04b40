// Jobs that run, fail, and are looked at: the same on every broker.
#include <csignal>
#include <set>

#include "core/thread.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/child_process.h"

namespace leat::test {
namespace {

class Running : public JobsSuite {};

TEST_P(Running, TwoWorkersShareManyJobsOnceEach) {
  constexpr int kJobs = 3000;
  Tally tally(2 * kJobs);
  push_numbers(kJobs);
  push_numbers(kJobs, {.lane = Lane::kBulk});
  const auto second = open_another();
  Worker one(broker(), {.concurrency = 2});
  Worker two(*second, {.concurrency = 2});
  for (Worker* worker : {&one, &two}) {
    worker->handle("number", [&](JobContext& job) {
      const bool bulk = job.id().key().starts_with("_");
      tally.mark(std::to_string(std::stoi(std::string(job.payload())) + (bulk ? kJobs : 0)));
      return Outcome::done();
    });
    ASSERT_TRUE(worker->start());
  }
  EXPECT_TRUE(eventually([&] { return one.counts().done + two.counts().done == 2 * kJobs; }))
      << one.counts().done << " and " << two.counts().done;
  one.stop();
  two.stop();
  EXPECT_TRUE(tally.all_between(1, 1));
  EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
}

TEST_P(Running, FailuresAreRetriedAndThenDeadWithTheirHistory) {
  const auto ids = push_numbers(20, {.max_attempts = 3});
  Worker worker(broker(), {.concurrency = 2, .retry = {.first = 20ms, .factor = 1.0}});
  Mutex mutex;
  std::map<std::string, std::vector<unsigned>> attempts;
  worker.handle("number", [&](JobContext& job) {
    MutexLock lock(mutex);
    attempts[std::string(job.payload())].push_back(job.attempt());
    // The even ones succeed with their second attempt.
    const bool works = job.payload().back() % 2 == 0 && job.attempt() == 2;
    return works ? Outcome::done() : Outcome::retry("not yet");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 10 && worker.counts().done == 10; }))
      << worker.counts().dead << " dead, " << worker.counts().done << " done";
  worker.stop();
  for (const auto& [payload, seen] : attempts) {
    const std::vector<unsigned> expected =
        payload.back() % 2 == 0 ? std::vector<unsigned>{1, 2} : std::vector<unsigned>{1, 2, 3};
    EXPECT_EQ(seen, expected) << payload;
  }
  const auto letters = DeadLetters(broker()).list().value();
  ASSERT_EQ(letters.size(), 10U);
  std::set<std::string> dead;
  for (const DeadLetter& letter : letters) {
    dead.insert(letter.id.str());
    EXPECT_EQ(letter.reason, "attempts");
    EXPECT_EQ(letter.attempts, 3U);
    EXPECT_EQ(letter.kind, "number");
    EXPECT_NE(letter.history.find("not yet"), std::string::npos);
  }
  for (std::size_t i = 1; i < ids.size(); i += 2) EXPECT_TRUE(dead.contains(ids[i].str()));
  // Records do not stay behind.
  EXPECT_TRUE(broker().open_bucket({.name = "leat_attempts"}).value()->list("").value().empty());
}

TEST_P(Running, ADeadLetterIsRetriedUnderItsId) {
  const auto ids = push_numbers(1, {.max_attempts = 1});
  std::atomic<bool> works{false};
  Worker worker(broker(), {.concurrency = 1});
  std::string seen;
  worker.handle("number", [&](JobContext& job) {
    if (!works) return Outcome::retry("no");
    seen = job.id().str();
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  works = true;
  DeadLetters dead(broker());
  const auto letters = dead.list().value();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(dead.retry(letters.front().number).value(), ids.front());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  worker.stop();
  EXPECT_EQ(seen, ids.front().str());
  EXPECT_TRUE(dead.list().value().empty());
}

TEST_P(Running, AResultIsThereForWhoeverWaits) {
  const auto ids = push_numbers(2, {.result = KeepResult::kYes, .max_attempts = 1});
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [](JobContext& job) {
    return job.payload() == "0" ? Outcome::done("zero\nand a second line") : Outcome::dead("no such number");
  });
  ASSERT_TRUE(worker.start());
  Results results(broker());
  ASSERT_TRUE(eventually([&] { return results.get(ids[0]).value() && results.get(ids[1]).value(); }));
  const auto done = results.wait(ids[0], 10s).value();
  const auto dead = results.wait(ids[1], 10s).value();
  EXPECT_EQ(done->value, "zero\nand a second line");
  EXPECT_EQ(done->state, JobResult::State::kDone);
  EXPECT_EQ(dead->state, JobResult::State::kDead);
  EXPECT_EQ(dead->error, "no such number");
  EXPECT_FALSE(results.get(JobId(Priority::kLow, "default", "nothing")).value());
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE(results.wait(JobId(Priority::kLow, "default", "nothing"), 1h, stopped.get_token()).value());
}

TEST_P(Running, QueuesAreCounted) {
  Queue images(broker(), {.name = "images"});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(images.push(EncodedJob{"number", "1", {}}, {.priority = Priority::kHigh}));
  push_numbers(3);
  Inspector inspector(broker());
  const auto rows = inspector.queues().value();
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].queue, "default");
  EXPECT_EQ(rows[1].pending, 3U);
  EXPECT_EQ(rows[3].queue, "images");
  EXPECT_EQ(rows[3].pending, 5U);
  EXPECT_EQ(inspector.dead("default").value(), 0U);
}

TEST_P(Running, ALongJobRunsOnce) {
  push_numbers(1);
  std::atomic<int> runs{0};
  const auto second = open_another();
  const WorkerOptions options{.concurrency = 1, .ack_wait = 2s};
  Worker one(broker(), options);
  Worker two(*second, options);
  for (Worker* worker : {&one, &two}) {
    worker->handle("number", [&](JobContext&) {
      ++runs;
      const SteadyTime until = broker().clock().steady() + 2500ms;
      return eventually([&] { return broker().clock().steady() > until; }) ? Outcome::done() : Outcome::dead("late");
    });
    ASSERT_TRUE(worker->start());
  }
  EXPECT_TRUE(eventually([&] { return one.counts().done + two.counts().done == 1; }));
  EXPECT_EQ(runs, 1);
}

TEST_P(Running, SlowHandlersHoldOneUnstartedJobPerThreadAtMost) {
  for (const Priority priority : kPriorities) push_numbers(40, {.priority = priority});
  Worker worker(broker(), {.concurrency = 2});
  std::atomic<std::uint64_t> most{0};
  worker.handle("number", [&](JobContext&) {
    leat::sleep_for(real_clock(), 25ms, {});
    most = std::max(most.load(), worker.counts().unstarted);
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 120; })) << worker.counts().done;
  EXPECT_LE(most, 2U);
}

// Between deliveries a job that was given back must not lose its turn, nor an attempt.
TEST_P(Running, AStoppedWorkersJobsRunElsewhereAtOnceAndForFree) {
  push_numbers(30, {.max_attempts = 1});
  std::atomic<int> begun{0};
  {
    Worker first(broker(), {.concurrency = 2, .grace = 0ms});
    first.handle("number", [&](JobContext& job) {
      ++begun;
      leat::sleep_for(real_clock(), 1h, job.stop_token());
      return Outcome::retry("stopped");
    });
    ASSERT_TRUE(first.start());
    ASSERT_TRUE(eventually([&] { return begun == 2; }));
    first.stop();
    EXPECT_EQ(first.counts().interrupted, 2U);
  }
  Worker second(broker(), {.concurrency = 2});
  Tally tally(30);
  std::atomic<bool> attempts_right{true};
  second.handle("number", [&](JobContext& job) {
    tally.mark(job.payload());
    attempts_right = attempts_right && job.attempt() == 1;
    return Outcome::done();
  });
  const SteadyTime begin = real_clock().steady();
  ASSERT_TRUE(second.start());
  EXPECT_TRUE(eventually([&] { return second.counts().done == 30; })) << second.counts().done;
  EXPECT_LT(real_clock().steady() - begin, 25s);  // not after the 30 s that their leases would have lasted
  EXPECT_TRUE(tally.all_between(1, 1));
  EXPECT_TRUE(attempts_right);
}

LEAT_ON_EVERY_JOBS_BROKER(Running);

}  // namespace
}  // namespace leat::test
