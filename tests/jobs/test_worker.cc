// The test kit's worker on a broker that is not its own.
#include <stdexcept>

#include "leat/testing.h"
#include "tests/jobs/jobs_suite.h"

namespace leat::test {
namespace {

using Then = JobRun::Then;

class TestingWith : public JobsSuite {};

TEST_P(TestingWith, JobsRunInOrderAndAreGone) {
  push_numbers(10);
  push_numbers(1, {.priority = Priority::kHigh, .lane = Lane::kBulk});
  TestWorker worker(broker());
  EXPECT_EQ(worker.enqueued().value().size(), 11U);
  std::string order;
  worker.handle("number", [&](JobContext& job) {
    order += job.payload();
    return Outcome::done();
  });
  const Drained drained = worker.drain().value();
  EXPECT_EQ(drained.done, 11U) << to_string(drained);
  EXPECT_EQ(order, "00123456789");
  EXPECT_TRUE(worker.enqueued().value().empty());
  EXPECT_EQ(messages("leat_medium"), 0U);
}

TEST_P(TestingWith, RetriesComeWhenTheyAreDueAndEndDead) {
  const JobId id = push_numbers(1, {.max_attempts = 2, .retry = RetryPolicy::fixed(2s), .track = true}).front();
  TestWorker worker(broker());
  worker.handle("number", [](JobContext&) -> Outcome { throw std::runtime_error("no"); });
  EXPECT_EQ(worker.run_one().value().again_in, 2s);
  const auto waiting = worker.enqueued().value();
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting.front().state, JobStatus::State::kRetrying);
  if (fixture().manual_clock() != nullptr) {
    EXPECT_EQ(worker.run_one().error().code(), ErrorCode::kNotFound);
  }
  JobRun run;
  EXPECT_TRUE(eventually([&] {
    auto again = worker.run_one();
    if (again) run = std::move(*again);
    return again.has_value();
  }));
  EXPECT_EQ(run.then, Then::kDead);
  EXPECT_EQ(run.attempt, 2U);
  EXPECT_EQ(Inspector(broker()).job(id).value().state, JobStatus::State::kDead);
}

TEST_P(TestingWith, ChainsGroupsAndPushesOfHandlersAreDrained) {
  Queue queue(broker());
  const auto job = [](std::string payload) { return Result<EncodedJob>(EncodedJob{"number", std::move(payload), {}}); };
  std::vector<std::string> order;
  TestWorker worker(broker());
  worker.handle("number", [&](JobContext& context) {
    order.emplace_back(context.payload());
    if (order.back() == "first") queue.push(EncodedJob{"number", "pushed", {}}).value();
    return Outcome::done();
  });
  push_chain(queue, {job("first"), job("second"), job("third")}).value();
  push_group(queue, {job("member"), job("member")}, job("callback")).value();
  const Drained drained = worker.drain().value();
  EXPECT_EQ(drained.done, 7U) << to_string(drained);
  EXPECT_TRUE(worker.enqueued().value().empty());
  const auto place = [&](const std::string& name) { return std::find(order.rbegin(), order.rend(), name).base(); };
  EXPECT_LT(place("first"), place("second"));
  EXPECT_LT(place("second"), place("third"));
  EXPECT_LT(place("member"), place("callback"));
}

TEST_P(TestingWith, TimeLimitsFire) {
  push_numbers(1, {.timeout = 50ms});
  TestWorker worker(broker());
  worker.handle("number", [&](JobContext& job) {
    EXPECT_TRUE(eventually([&] { return job.stop_token().stop_requested(); }));
    return Outcome::retry("stopped");
  });
  const JobRun run = worker.run_one().value();
  EXPECT_EQ(run.then, Then::kRetry);
  EXPECT_NE(run.error.find("longer than its limit"), std::string::npos) << run.error;
}

// However long it lay in its queue before.
TEST_P(TestingWith, TheGraceOfAnUnknownKindBeginsWhenAWorkerWithoutAHandlerMeetsIt) {
  push_numbers(1);
  const SystemTime pushed = broker().clock().now();
  ASSERT_TRUE(eventually([&] { return broker().clock().now() > pushed + 400ms; }));
  const auto next = [&](TestWorker& worker) {
    Result<JobRun> run = Error(ErrorCode::kNotFound, "");
    EXPECT_TRUE(eventually([&] { return (run = worker.run_one()).has_value(); }));
    return run.value_or(JobRun{});
  };
  const TestOptions impatient{.worker = {.unknown_kind_grace = 300ms}};
  {
    TestWorker without(broker(), impatient);
    EXPECT_EQ(next(without).then, Then::kNoHandler);
  }
  ASSERT_TRUE(eventually([&] { return broker().clock().now() > pushed + 800ms; }));
  {
    TestWorker with(broker(), impatient);
    with.handle("number", [](JobContext&) { return Outcome::retry_after(1ms, "not yet"); });
    EXPECT_EQ(next(with).then, Then::kRetry);
  }
  TestWorker without(broker(), impatient);
  const SystemTime met = broker().clock().now();
  EXPECT_EQ(next(without).then, Then::kNoHandler);
  JobRun run;
  EXPECT_TRUE(eventually([&] { return (run = next(without)).then == Then::kDead; }));
  EXPECT_EQ(run.dead_reason, "unknown_kind");
  EXPECT_GE(broker().clock().now() - met, 300ms);
  EXPECT_TRUE(broker().open_bucket({.name = "leat_attempts"}).value()->list("").value().empty());
}

TEST_P(TestingWith, APausedQueueRests) {
  push_numbers(1);
  TestWorker worker(broker());
  worker.handle("number", [](JobContext&) { return Outcome::done(); });
  QueueControl(broker()).pause("default").value();
  EXPECT_TRUE(worker.drain().value().runs.empty());
  QueueControl(broker()).resume("default").value();
  EXPECT_EQ(worker.drain().value().done, 1U);
}

LEAT_ON_EVERY_JOBS_BROKER(TestingWith);

}  // namespace
}  // namespace leat::test
