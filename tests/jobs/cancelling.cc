// Single jobs that are cancelled and asked about, from another program than the one that works.
#include <map>
#include <set>

#include "core/thread.h"
#include "leat/job_control.h"
#include "tests/jobs/jobs_suite.h"

namespace leat::test {
namespace {

using State = JobStatus::State;
using Was = CancelResult::Was;

class Cancelling : public JobsSuite {
 protected:
  void SetUp() override {
    JobsSuite::SetUp();
    other_ = open_another();
    Worker(broker()).start().value();  // there is a subscription
  }
  Broker& other() { return *other_; }

  // Waits for an answer, which a manual clock must not keep it from.
  CancelResult cancel(const JobId& id) { return JobControl(other()).cancel(id, 20s).value(); }
  JobStatus status(const JobId& id) { return Inspector(other()).job(id).value(); }
  JobId push(const PushOptions& options = {}) {
    return Queue(broker()).push(EncodedJob{"number", "1", {}}, options).value();
  }

 private:
  std::shared_ptr<Broker> other_;
};

TEST_P(Cancelling, APendingJobIsGone) {
  const JobId id = push({.result = KeepResult::kYes, .track = true});
  EXPECT_EQ(status(id).state, State::kPending);
  EXPECT_EQ(status(id).kind, "number");
  EXPECT_EQ(cancel(id).was, Was::kPending);
  EXPECT_EQ(messages("leat_medium"), 0U);
  EXPECT_EQ(status(id).state, State::kCancelled);
  EXPECT_EQ(Results(other()).get(id).value()->state, JobResult::State::kCancelled);
  EXPECT_EQ(cancel(id).was, Was::kUnknown);
  EXPECT_TRUE(broker().open_bucket({.name = "leat_control"}).value()->list("cancel").value().empty());
}

// Whoever says that no worker had it, or that it waited, is right, however close a worker is.
TEST_P(Cancelling, WhatIsCancelledWhileAWorkerTakesItDoesNotRun) {
  constexpr std::size_t kJobs = 100;
  Mutex mutex;
  std::set<std::string> ran;
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [&](JobContext& job) {
    MutexLock lock(mutex);
    ran.insert(job.id().str());
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  std::map<std::string, Was> cancelled;
  std::atomic<bool> through{false};
  Thread canceller = start_thread("canceller", [&](const std::stop_token&) {
    for (std::size_t i = 0; i < kJobs; ++i) {
      const JobId id = push();
      cancelled[id.str()] = JobControl(other()).cancel(id, 50ms).value().was;
    }
    through = true;
  });
  EXPECT_TRUE(eventually([&] { return through && messages("leat_medium") == 0; }));
  canceller = {};
  worker.stop();
  for (const std::string& id : ran) {
    const Was was = cancelled[id];
    EXPECT_TRUE(was == Was::kUnknown || was == Was::kRunning || was == Was::kNoAnswer) << static_cast<int>(was);
  }
}

TEST_P(Cancelling, ARunningJobGetsItsStopTokenAndIsNotTriedAgain) {
  const JobId id = push({.result = KeepResult::kYes, .track = true});
  Worker worker(broker(), {.concurrency = 1, .name = "the-worker"});
  std::atomic<StopReason> reason{StopReason::kNone};
  std::atomic<bool> begun{false};
  worker.handle("number", [&](JobContext& job) {
    begun = true;
    while (!job.stop_token().stop_requested()) leat::sleep_for(real_clock(), 1ms, {});
    reason = job.stop_reason();
    return Outcome::retry("stopped");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  EXPECT_EQ(status(id).state, State::kRunning);
  const auto asked = Inspector(other()).job(id, {.ask = 20s}).value();
  EXPECT_EQ(asked.state, State::kRunning);
  EXPECT_EQ(asked.worker, "the-worker");
  const CancelResult cancelled = cancel(id);
  EXPECT_EQ(cancelled.was, Was::kRunning);
  EXPECT_EQ(cancelled.worker, "the-worker");
  EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
  EXPECT_EQ(reason, StopReason::kCancelled);
  EXPECT_TRUE(eventually([&] { return status(id).state == State::kCancelled; }));
  EXPECT_EQ(Results(other()).get(id).value()->state, JobResult::State::kCancelled);
  EXPECT_EQ(worker.counts().retried, 0U);
  EXPECT_EQ(messages("leat_dlq"), 0U);
}

// A handler may do anything in its stop callback.
TEST_P(Cancelling, AStopCallbackMayAskTheWorkerAndItsJob) {
  const JobId id = push();
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<bool> begun{false};
  std::atomic<bool> held{false};
  worker.handle("number", [&](JobContext& job) {
    const std::stop_callback asks(job.stop_token(), [&] {
      job.progress(0.5, "stopping");
      EXPECT_EQ(job.stop_reason(), StopReason::kCancelled);
      EXPECT_EQ(worker.counts().started, 1U);
      EXPECT_EQ(status(id).state, State::kRunning);
      held = job.extend_lease().has_value();
    });
    begun = true;
    while (!job.stop_token().stop_requested()) leat::sleep_for(real_clock(), 1ms, {});
    return Outcome::retry("stopped");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  EXPECT_EQ(cancel(id).was, Was::kRunning);
  EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
  EXPECT_TRUE(held);
}

TEST_P(Cancelling, ARunningJobThatIsDoneAllTheSameIsDone) {
  const JobId id = push({.track = true});
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<bool> begun{false};
  worker.handle("number", [&](JobContext& job) {
    begun = true;
    while (!job.stop_token().stop_requested()) leat::sleep_for(real_clock(), 1ms, {});
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  EXPECT_EQ(cancel(id).was, Was::kRunning);
  EXPECT_TRUE(eventually([&] { return status(id).state == State::kDone; }));
}

TEST_P(Cancelling, AHeldJobIsNeverBegun) {
  const JobId first = push();
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<bool> go_on{false};
  std::atomic<int> begun{0};
  worker.handle("number", [&](JobContext&) {
    ++begun;
    while (!go_on) leat::sleep_for(real_clock(), 1ms, {});
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return begun == 1; }));
  const JobId second = push();
  ASSERT_TRUE(eventually([&] { return worker.counts().unstarted == 1; }));
  EXPECT_EQ(Inspector(other()).job(second, {.ask = 20s}).value().state, State::kPending);
  EXPECT_EQ(cancel(second).was, Was::kHeld);
  go_on = true;
  EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
  EXPECT_EQ(begun, 1);
}

TEST_P(Cancelling, AJobThatWaitsForARetryIsGoneWithItsRecord) {
  const JobId id = push({.unique = Unique{"one"}});
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1h)});
  worker.handle("number", [&](JobContext&) { return Outcome::retry("not today"); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().retried == 1; }));
  ASSERT_TRUE(eventually([&] { return status(id).state == State::kRetrying; }));
  const JobStatus waiting = status(id);
  ASSERT_EQ(waiting.failures.size(), 1U);
  EXPECT_EQ(waiting.failures[0].error, "not today");
  EXPECT_EQ(waiting.failures[0].worker, worker.name());
  EXPECT_EQ(waiting.attempts, 1U);
  EXPECT_TRUE(waiting.due);
  EXPECT_EQ(cancel(id).was, Was::kRetrying);
  EXPECT_TRUE(broker().open_bucket({.name = "leat_attempts"}).value()->list("").value().empty());
  // The key is free, and the call does not hold the next job of that key.
  EXPECT_EQ(push({.unique = Unique{"one"}}), id);
  EXPECT_TRUE(eventually([&] { return worker.counts().retried == 2; }));
}

TEST_P(Cancelling, WhoDiesWithTheCallInHandLeavesItToTheNext) {
  const JobId id = push({.track = true});
  {
    // The call is written, and the job still lies there: as a canceller leaves it that dies between its steps.
    const auto job = broker().admin().read_last("leat_medium", "leat." + id.str()).value();
    auto control = broker().open_bucket({.name = "leat_control"}).value();
    const std::string call = R"({"version":1,"sequence":)" + std::to_string(job->sequence) + "}";
    ASSERT_TRUE(control->put("cancel." + id.str(), call));
  }
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<int> begun{0};
  worker.handle("number", [&](JobContext&) {
    ++begun;
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return status(id).state == State::kCancelled; }));
  EXPECT_EQ(begun, 0);
}

TEST_P(Cancelling, StatusTellsOfTheDeadAndTheUnknown) {
  const JobId dead = push({.max_attempts = 1});
  const JobId tracked = push({.max_attempts = 1, .track = true});
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [&](JobContext&) { return Outcome::retry("hopeless"); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  for (const JobId& id : {dead, tracked}) {
    const JobStatus found = status(id);
    EXPECT_EQ(found.state, State::kDead);
    EXPECT_EQ(found.error, "hopeless");
    EXPECT_EQ(found.attempts, 1U);
    EXPECT_NE(found.dead_letter, 0U);
    ASSERT_EQ(found.failures.size(), 1U);
  }
  EXPECT_EQ(status(JobId(Priority::kLow, "default", "nobody")).state, State::kUnknown);
  EXPECT_EQ(cancel(JobId(Priority::kLow, "default", "nobody")).was, Was::kUnknown);
  const JobId bulk = push({.lane = Lane::kBulk});
  EXPECT_EQ(Inspector(other()).job(bulk).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(JobControl(other()).cancel(bulk).error().code(), ErrorCode::kInvalidArgument);
}

LEAT_ON_EVERY_JOBS_BROKER(Cancelling);

}  // namespace
}  // namespace leat::test
