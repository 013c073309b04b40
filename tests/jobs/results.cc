// Results that are kept: whose they are, what they say, and who waits for them.
#include "jobs/result_record.h"

#include "broker/fault_broker.h"
#include "core/thread.h"
#include "leat/job_control.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/shared_broker.h"

namespace leat::test {
namespace {

class KeptResults : public JobsSuite {
 protected:
  void SetUp() override {
    JobsSuite::SetUp();
    results_ = std::make_unique<Results>(broker());
  }
  Results& results() { return *results_; }
  Result<JobId> push(const std::string& payload, const PushOptions& options) {
    return Queue(broker()).push(EncodedJob{"number", payload}, options);
  }
  // Of a job that is over.
  JobResult result_of(const JobId& id) {
    std::optional<JobResult> result;
    EXPECT_TRUE(eventually([&] { return (result = results().get(id).value()).has_value(); })) << id.str();
    EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
    return result.value_or(JobResult{});
  }
  static void wait_while(const std::atomic<bool>& held) {
    while (held) leat::sleep_for(real_clock(), 1ms, {});
  }

 private:
  std::unique_ptr<Results> results_;
};

TEST_P(KeptResults, ThatOfAUniqueJobIsOfItsNewestRun) {
  PushOptions options{.result = KeepResult::kYes, .unique = Unique{"k"}, .track = true};
  std::atomic<bool> held{false};
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [&](JobContext& job) {
    wait_while(held);
    return Outcome::done(std::string(job.payload()));
  });
  ASSERT_TRUE(worker.start());
  const JobId id = push("1", options).value();
  EXPECT_EQ(result_of(id).value, "1");
  held = true;
  EXPECT_EQ(push("2", options).value(), id);
  EXPECT_FALSE(results().get(id).value());
  EXPECT_FALSE(results().wait(id, 0ms).value());
  held = false;
  EXPECT_EQ(result_of(id).value, "2");
  // Without a result of its own it has none.
  options.result = KeepResult::kNo;
  EXPECT_EQ(push("3", options).value(), id);
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 3; }));
  EXPECT_FALSE(results().get(id).value());
}

// Who pushed the later one was killed before it could clear away what the earlier one had left.
TEST_P(KeptResults, WhatAnEarlierJobHasLeftIsNotTakenForThatOfALaterOne) {
  const PushOptions options{.result = KeepResult::kYes, .unique = Unique{"k"}};
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<bool> held{false};
  worker.handle("number", [&](JobContext& job) {
    wait_while(held);
    return Outcome::done(std::string(job.payload()));
  });
  ASSERT_TRUE(worker.start());
  const JobId id = push("1", options).value();
  EXPECT_EQ(result_of(id).value, "1");
  const SystemTime then = broker().clock().now();
  ASSERT_TRUE(eventually([&] { return broker().clock().now() - then > 2ms; }));
  held = true;
  Faults faults;
  const auto killed = make_fault_broker(std::make_unique<SharedBroker>(open_another()), faults);
  // The first write names the queue.
  faults.before(Operation::kKeyWrite, [](const Call& call) { return call.number > 1 ? Fault::fail() : Fault::none(); });
  ASSERT_EQ(Queue(*killed).push(EncodedJob{"number", "2"}, options).value(), id);
  EXPECT_FALSE(results().get(id).value());
  EXPECT_FALSE(results().wait(id, 0ms).value());
  held = false;
  EXPECT_EQ(result_of(id).value, "2");
}

// A job whose result is stored has its key until it is settled.
TEST_P(KeptResults, APushThatStoresNothingLeavesThem) {
  PushOptions options{.result = KeepResult::kYes, .unique = Unique{"k"}, .track = true};
  const JobId id = push("1", options).value();
  const auto bucket = broker().open_bucket({.name = "leat_results"}).value();
  bucket->put(id.str(), encode_result({.value = "1"})).value();
  EXPECT_EQ(push("2", options).error().code(), ErrorCode::kConflict);
  options.unique->if_taken = Unique::IfTaken::kReturnExisting;
  EXPECT_EQ(push("2", options).value(), id);
  EXPECT_EQ(results().get(id).value()->value, "1");
}

TEST_P(KeptResults, ThatOfADeadJobIsGoneWhenItIsRetried) {
  std::atomic<bool> held{false};
  std::atomic<bool> works{false};
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [&](JobContext&) {
    wait_while(held);
    return works ? Outcome::done("late") : Outcome::dead("no");
  });
  ASSERT_TRUE(worker.start());
  for (const Lane lane : {Lane::kAddressable, Lane::kBulk}) {
    works = false;
    const JobId id = push("1", {.lane = lane, .result = KeepResult::kYes, .track = lane == Lane::kAddressable}).value();
    EXPECT_EQ(result_of(id).state, JobResult::State::kDead);
    held = works = true;
    DeadLetters dead(broker());
    EXPECT_EQ(dead.retry(dead.list().value().at(0).number).value(), id);
    EXPECT_FALSE(results().get(id).value());
    held = false;
    EXPECT_EQ(result_of(id).value, "late");
  }
}

TEST_P(KeptResults, WhoWaitsIsToldSoon) {
  const JobId id = push_numbers(1, {.result = KeepResult::kYes}).front();
  std::atomic<bool> held{true};
  std::atomic<bool> told{false};
  std::optional<JobResult> result;
  SteadyTime told_at{};
  Thread waiter = start_thread("waiter", [&](const std::stop_token&) {
    result = results().wait(id, 1h).value_or(std::nullopt);
    told_at = real_clock().steady();
    told = true;
  });
  SteadyTime returned_at{};
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [&](JobContext&) {
    wait_while(held);
    returned_at = real_clock().steady();
    return Outcome::done("here");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().running == 1; }));
  const SteadyTime long_before = real_clock().steady();
  ASSERT_TRUE(eventually([&] { return real_clock().steady() > long_before + 300ms; }));
  EXPECT_FALSE(told);
  held = false;
  ASSERT_TRUE(eventually([&] { return told.load(); }));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->value, "here");
  EXPECT_LT(told_at - returned_at, 5s);
}

TEST_P(KeptResults, AnEndWithoutAnAttemptTellsOfNone) {
  const PushOptions kept{.result = KeepResult::kYes, .track = true};
  PushOptions late = kept;
  late.deadline = broker().clock().now() + 1ms;
  const JobId expired = push("1", late).value();
  const JobId unknown = Queue(broker()).push(EncodedJob{"nobody_knows", "1"}, kept).value();
  const JobId begun = push("1", kept).value();
  ASSERT_TRUE(eventually([&] { return broker().clock().now() > *late.deadline + 1ms; }));
  std::atomic<bool> held{true};
  std::atomic<bool> is_running{false};
  Worker worker(broker(), {.concurrency = 1, .unknown_kind_grace = 0s});
  worker.handle("number", [&](JobContext&) {
    is_running = true;
    wait_while(held);
    return Outcome::cancelled("not wanted any more");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return is_running.load(); }));
  const JobId cancelled = push("2", kept).value();
  ASSERT_TRUE(eventually([&] { return worker.counts().unstarted == 1; }));
  EXPECT_EQ(JobControl(*open_another()).cancel(cancelled, 20s).value().was, CancelResult::Was::kHeld);
  held = false;
  for (const JobId& id : {expired, unknown, cancelled}) {
    EXPECT_EQ(result_of(id).attempts, 0U) << id.str();
    EXPECT_EQ(Inspector(broker()).job(id).value().attempts, 0U) << id.str();
  }
  EXPECT_EQ(result_of(cancelled).state, JobResult::State::kCancelled);
  EXPECT_EQ(result_of(begun).state, JobResult::State::kCancelled);
  EXPECT_EQ(result_of(begun).attempts, 1U);
}

LEAT_ON_EVERY_JOBS_BROKER(KeptResults);

}  // namespace
}  // namespace leat::test
