// Batches on a broker that fails on demand, and options that are refused.
#include "broker/fault_broker.h"
#include "leat/memory_broker.h"
#include "tests/pipeline/batch_suite.h"

namespace leat::test {
namespace {

class BatchesWithFaults : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(broker_->ensure_stream({.name = "events", .subjects = {"events.>"}})); }
  static bool eventually(const std::function<bool()>& happened) { return eventually_on(nullptr, happened); }
  void append(const std::string& payload) {
    const AppendRequest request{.message = {.subject = "events.a", .headers = {}, .payload = payload}};
    ASSERT_TRUE(broker_->append("events", {&request, 1}).front());
  }
  std::uint64_t unsettled() { return broker_->admin().consumers("events").value().front().unsettled; }
  std::uint64_t letters() { return broker_->admin().stream("dead").value().messages; }

  Faults faults_;
  std::unique_ptr<Broker> broker_ = make_fault_broker(open_memory_broker(), faults_);
};

Result<void> all_dead(Batch& batch) {
  for (std::size_t i = 0; i < batch.size(); ++i) batch.dead(i, "bad");
  return {};
}

// What a crash between the letter and the settlement leaves: the message comes again, its letter is there.
TEST_F(BatchesWithFaults, ADeadLetterIsKeptOnce) {
  ASSERT_TRUE(broker_->ensure_stream({.name = "dead", .subjects = {"dead.>"}, .dedupe_window = 1ms}));  // no help
  append("1");
  faults_.next(Operation::kSettle, Fault::fail(ErrorCode::kLeaseLost));
  const BatchConsumerOptions options{
      .stream = "events", .name = "report", .max_wait = 0ms, .ack_wait = 2s, .dead_stream = "dead"};
  BackgroundBatches run(*broker_, options, all_dead);
  EXPECT_TRUE(eventually([&] { return run.counts().dead == 1 && unsettled() == 0; }));
  EXPECT_EQ(run.counts().batches, 2U);
  EXPECT_EQ(run.counts().lost, 1U);
  EXPECT_EQ(letters(), 1U);
}

TEST_F(BatchesWithFaults, AMessageWhoseLetterCannotBeKeptComesAgain) {
  append("1");
  faults_.next(Operation::kAppend, Fault::fail(ErrorCode::kFull));
  std::atomic<int> troubles{0};
  BackgroundBatches run(*broker_,
                        {.stream = "events",
                         .name = "report",
                         .max_wait = 0ms,
                         .backoff = RetryPolicy::fixed(10ms),
                         .dead_stream = "dead",
                         .on_trouble = [&](const Error&) { ++troubles; }},
                        all_dead);
  EXPECT_TRUE(eventually([&] { return run.counts().dead == 1 && unsettled() == 0; }));
  EXPECT_EQ(run.counts().retried, 1U);
  EXPECT_EQ(troubles, 1);
  EXPECT_EQ(letters(), 1U);
}

TEST_F(BatchesWithFaults, OneIsSettledWhileTheNextIsProcessed) {
  append("1");
  append("2");
  faults_.next(Operation::kSettle, Fault::freeze());
  std::atomic<int> processed{0};
  BackgroundBatches run(*broker_, {.stream = "events", .name = "report", .max_count = 1}, [&](Batch&) -> Result<void> {
    ++processed;
    return {};
  });
  EXPECT_TRUE(faults_.wait_frozen(1, 30s));
  EXPECT_TRUE(eventually([&] { return processed == 2; }));
  EXPECT_EQ(run.counts().done, 0U);
  faults_.release();
  EXPECT_TRUE(eventually([&] { return run.counts().done == 2; }));
}

// What is given back while this consumer may still get messages would come to it again.
TEST_F(BatchesWithFaults, NothingIsGivenBackBeforeTheCollectorHasEnded) {
  append("1");
  Barrier barrier;
  faults_.before(Operation::kFetch, [&](const Call& call) {
    if (call.number == 2) barrier.wait();
    return Fault::none();
  });
  BackgroundBatches run(*broker_,
                        {.stream = "events", .name = "report", .max_wait = 0ms, .backoff = RetryPolicy::fixed(1h)},
                        [](Batch&) -> Result<void> { return Error(ErrorCode::kUnavailable, "away"); });
  EXPECT_TRUE(eventually([&] { return run.counts().failures == 1 && barrier.waiting() == 1; }));
  run.request_stop();
  constexpr Duration kLongEnough = 200ms;
  const SteadyTime until = real_clock().steady() + kLongEnough;
  EXPECT_TRUE(eventually([&] { return real_clock().steady() >= until || run.counts().retried > 0; }));
  EXPECT_EQ(faults_.calls(Operation::kSettle), 0U);
  barrier.open();
  EXPECT_TRUE(run.stop());
  EXPECT_EQ(run.counts().retried, 1U);
}

TEST_F(BatchesWithFaults, ASettlementThatFailsIsTriedAgain) {
  append("1");
  faults_.next(Operation::kSettle, Fault::fail(), 2);
  BackgroundBatches run(*broker_, {.stream = "events", .name = "report", .max_wait = 0ms},
                        [](Batch&) -> Result<void> { return {}; });
  EXPECT_TRUE(eventually([&] { return run.counts().done == 1 && unsettled() == 0; }));
  EXPECT_EQ(run.counts().batches, 1U);
}

TEST_F(BatchesWithFaults, MessagesWithoutTheirLeaseAreNotSettledAndAreCounted) {
  append("1");
  faults_.before(Operation::kExtend, [](const Call&) { return Fault::fail(ErrorCode::kLeaseLost); });
  Barrier barrier;
  BackgroundBatches run(*broker_, {.stream = "events", .name = "report", .max_wait = 0ms, .ack_wait = 300ms},
                        [&](Batch&) -> Result<void> {
                          barrier.wait();
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return barrier.waiting() == 1; }));
  const std::uint64_t before = faults_.calls(Operation::kExtend);
  EXPECT_TRUE(eventually([&] { return faults_.calls(Operation::kExtend) >= before + 3; }));
  EXPECT_EQ(faults_.calls(Operation::kSettle), 0U);
  faults_.clear();
  barrier.open();
  EXPECT_TRUE(eventually([&] { return run.counts().lost >= 1 && run.counts().done == 1 && unsettled() == 0; }));
}

// While a failed batch waits its leases get lost: what is processed then are the messages as they come again.
TEST_F(BatchesWithFaults, ABatchIsProcessedAgainWithoutWhatWasLost) {
  append("1");
  std::atomic<bool> failed{false};
  faults_.before(Operation::kExtend,
                 [&](const Call&) { return failed ? Fault::fail(ErrorCode::kLeaseLost) : Fault::none(); });
  std::vector<std::pair<unsigned, std::uint32_t>> seen;  // attempt, deliveries
  BackgroundBatches run(
      *broker_,
      {.stream = "events", .name = "report", .max_wait = 0ms, .ack_wait = 150ms, .backoff = RetryPolicy::fixed(500ms)},
      [&](Batch& batch) -> Result<void> {
        seen.emplace_back(batch.attempt(), batch.deliveries(0));
        if (failed.exchange(true)) return {};
        return Error(ErrorCode::kUnavailable, "away");
      });
  EXPECT_TRUE(eventually([&] { return run.counts().done >= 1; }));
  EXPECT_TRUE(run.stop());
  ASSERT_GE(seen.size(), 2U);
  EXPECT_EQ(seen[0], (std::pair{1U, 1U}));
  EXPECT_EQ(seen[1].first, 1U);
  EXPECT_GE(seen[1].second, 2U);
  EXPECT_GE(run.counts().lost, 1U);
}

TEST_F(BatchesWithFaults, WhatAFailedProcessingSaidCountsNoMore) {
  append("1");
  append("2");
  BackgroundBatches run(
      *broker_,
      {.stream = "events", .name = "report", .max_count = 2, .backoff = RetryPolicy::fixed(1ms), .dead_stream = "dead"},
      [&](Batch& batch) -> Result<void> {
        if (batch.attempt() > 1) return {};
        batch.dead(0, "bad");
        batch.retry(1);
        return Error(ErrorCode::kUnavailable, "away");
      });
  EXPECT_TRUE(eventually([&] { return run.counts().done == 2 && unsettled() == 0; }));
  EXPECT_EQ(run.counts().dead + run.counts().retried, 0U);
  EXPECT_EQ(letters(), 0U);
}

TEST_F(BatchesWithFaults, ARetryWithoutATimeWaitsByBackoff) {
  append("1");
  std::vector<SteadyTime> seen;
  BackgroundBatches run(*broker_,
                        {.stream = "events", .name = "report", .max_wait = 0ms, .backoff = RetryPolicy::fixed(300ms)},
                        [&](Batch& batch) -> Result<void> {
                          seen.push_back(real_clock().steady());
                          if (seen.size() == 1) batch.retry(0);
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return run.counts().done == 1; }));
  EXPECT_TRUE(run.stop());
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_GE(seen[1] - seen[0], 250ms);
}

TEST_F(BatchesWithFaults, ALostPermissionIsAnErrorAndAPassingOneHeals) {
  append("1");
  faults_.next(Operation::kFetch, Fault::fail());
  faults_.next(Operation::kFetch, Fault::none());
  faults_.next(Operation::kFetch, Fault::fail(ErrorCode::kDenied));
  std::atomic<int> troubles{0};
  BackgroundBatches run(
      *broker_, {.stream = "events", .name = "report", .max_count = 1, .on_trouble = [&](const Error&) { ++troubles; }},
      [](Batch&) -> Result<void> { return {}; });
  EXPECT_CODE(run.wait(), ErrorCode::kDenied);
  EXPECT_EQ(troubles, 1);
  EXPECT_EQ(run.counts().batches + run.counts().retried, 1U);
}

TEST_F(BatchesWithFaults, BadOptionsAreRefusedByName) {
  const std::vector<std::pair<BatchConsumerOptions, std::string>> cases{
      {{.stream = "events", .name = "report", .max_count = 0}, "max_count is 1 to 10,000"},
      {{.stream = "events", .name = "report", .max_count = 10'001}, "max_count is 1 to 10,000"},
      {{.stream = "events", .name = "report", .max_bytes = 0}, "max_bytes is 1 or more"},
      {{.stream = "events", .name = "report", .max_wait = -1ms}, "max_wait is 0 or more"},
      {{.stream = "events", .name = "report", .replicas = 6}, "replicas is 6; allowed are 1 to 5"},
      {{.stream = "events", .name = "report", .dead_stream = "events"}, "dead_stream is the stream itself"},
      {{.stream = "events", .name = "report", .backoff = {.factor = 0}}, "backoff: "},
      {{.stream = "events", .name = "a b"}, "a b"},
      {{.stream = "events", .name = "report", .filter = "a..b"}, "a..b"},
      {{.stream = "events", .name = "report", .ack_wait = 1ms}, "ack_wait"},
  };
  for (const auto& [options, text] : cases) {
    BackgroundBatches run(*broker_, options, [](Batch&) -> Result<void> { return {}; });
    const auto ran = run.wait();
    EXPECT_CODE(ran, ErrorCode::kInvalidArgument);
    const std::string message = ran ? "" : ran.error().message();
    EXPECT_NE(message.find(text), std::string::npos) << message;
  }
  BackgroundBatches nowhere(*broker_, {.stream = "none", .name = "report"}, [](Batch&) -> Result<void> { return {}; });
  EXPECT_CODE(nowhere.wait(), ErrorCode::kNotFound);
}

TEST_F(BatchesWithFaults, StartAndStopAtAnyTime) {
  for (int i = 0; i < 50; ++i) append("x");
  std::uint64_t done = 0;
  for (int round = 0; round < 40; ++round) {
    BackgroundBatches run(*broker_, {.stream = "events", .name = "report", .max_count = 3, .max_wait = 1ms},
                          [&](Batch& batch) -> Result<void> {
                            if (batch.attempt() == 1 && round % 3 == 0) return Error(ErrorCode::kUnavailable, "away");
                            return {};
                          });
    EXPECT_TRUE(
        eventually([&] { return round % 2 == 1 || run.counts().done + run.counts().failures > 0 || done >= 50; }));
    EXPECT_TRUE(run.stop());
    done += run.counts().done;
  }
  EXPECT_GE(done, 20U);
  EXPECT_EQ(unsettled(), 0U);
}

}  // namespace
}  // namespace leat::test
