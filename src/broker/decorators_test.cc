#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "broker/fault_broker.h"
#include "broker/instrumented_broker.h"
#include "core/thread.h"
#include "leat/memory_broker.h"
#include "leat/testing.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

class DecoratorTest : public testing::Test {
 protected:
  DecoratorTest() { broker_->ensure_stream({.name = "work", .subjects = {"work.>"}}).value(); }

  Result<Appended> append() {
    const AppendRequest request{.message = {.subject = "work.a"}};
    return broker_->append("work", {&request, 1}).at(0);
  }
  std::uint64_t stored() { return broker_->admin().stream("work").value().messages; }

  ManualClock clock_;
  Faults faults_;
  std::unique_ptr<Broker> broker_ = make_fault_broker(open_memory_broker({.clock = &clock_}), faults_);
};

TEST_F(DecoratorTest, FailsBeforeTheCall) {
  faults_.next(Operation::kAppend, Fault::fail());
  EXPECT_EQ(append().error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(stored(), 0u);
  EXPECT_TRUE(append());
  EXPECT_EQ(faults_.calls(Operation::kAppend), 2u);
}

TEST_F(DecoratorTest, LosesTheAnswerAfterTheCall) {
  faults_.next(Operation::kAppend, Fault::lose_answer());
  EXPECT_EQ(append().error().code(), ErrorCode::kUnknown);
  EXPECT_EQ(stored(), 1u);
  EXPECT_TRUE(broker_->capabilities().answers_get_lost);
}

TEST_F(DecoratorTest, Duplicates) {
  faults_.next(Operation::kAppend, Fault::duplicate());
  EXPECT_EQ(append().value().sequence, 1u);
  EXPECT_EQ(stored(), 2u);
}

TEST_F(DecoratorTest, HookSeesTheCallAndDecides) {
  faults_.before(Operation::kAppend, [](const Call& call) {
    return call.number == 2 && call.items == 1 ? Fault::fail(ErrorCode::kFull) : Fault::none();
  });
  EXPECT_TRUE(append());
  EXPECT_EQ(append().error().code(), ErrorCode::kFull);
  EXPECT_TRUE(append());
  faults_.next(Operation::kAppend, Fault::fail(), 2);
  faults_.clear();
  EXPECT_TRUE(append());
}

TEST_F(DecoratorTest, FailsEveryItemOfABatch) {
  faults_.next(Operation::kAppend, Fault::fail());
  const std::vector<AppendRequest> requests(3, AppendRequest{.message = {.subject = "work.a"}});
  EXPECT_EQ(broker_->append("work", requests).size(), 3u);
  EXPECT_EQ(stored(), 0u);
}

TEST_F(DecoratorTest, DecidesOncePerBatchOfAnAdmin) {
  ASSERT_TRUE(append());
  ASSERT_TRUE(append());
  std::vector<std::size_t> items;
  for (const Operation operation : {Operation::kReadBySequence, Operation::kReadLast, Operation::kRemove}) {
    faults_.before(operation, [&](const Call& call) {
      items.push_back(call.items);
      return call.number == 1 ? Fault::lose_answer() : Fault::none();
    });
  }
  const std::vector<std::uint64_t> sequences{1, 2, 3};
  const std::vector<std::string> subjects{"work.a", "work.b"};
  const auto failures = [](const auto& results) {
    return std::count_if(results.begin(), results.end(), [](const auto& result) { return !result; });
  };
  EXPECT_EQ(failures(broker_->admin().read("work", sequences)), 3);
  EXPECT_EQ(failures(broker_->admin().read("work", sequences)), 0);
  EXPECT_EQ(failures(broker_->admin().read_last("work", subjects)), 2);
  EXPECT_EQ(failures(broker_->admin().remove("work", sequences)), 3);
  EXPECT_EQ(failures(broker_->admin().remove("work", sequences)), 0);
  EXPECT_EQ(items, (std::vector<std::size_t>{3, 3, 2, 3, 3}));
  EXPECT_EQ(stored(), 0u);
}

TEST_F(DecoratorTest, FreezesUntilReleased) {
  faults_.next(Operation::kAppend, Fault::freeze());
  auto appender = start_thread("append", [&](const std::stop_token&) { EXPECT_TRUE(append()); });
  ASSERT_TRUE(faults_.wait_frozen(1, 10s));
  EXPECT_EQ(stored(), 0u);
  faults_.release();
  appender.join();
  EXPECT_EQ(stored(), 1u);
}

TEST_F(DecoratorTest, StopEndsAFrozenFetch) {
  auto consumer = broker_->open_consumer({.stream = "work", .name = "c"}).value();
  faults_.next(Operation::kFetch, Fault::freeze());
  auto fetcher = start_thread("fetch", [&](const std::stop_token& stop) {
    EXPECT_TRUE(consumer->fetch({.max_wait = 1h}, stop).value().empty());
  });
  ASSERT_TRUE(faults_.wait_frozen(1, 10s));
  fetcher.request_stop();
  fetcher.join();
}

TEST_F(DecoratorTest, DelaysByTheClock) {
  faults_.next(Operation::kAppend, Fault::delayed(1h));
  std::atomic<bool> appended{false};
  const auto appender = start_thread("append", [&](const std::stop_token&) {
    EXPECT_TRUE(append());
    appended = true;
  });
  while (faults_.calls(Operation::kAppend) == 0) std::this_thread::yield();
  EXPECT_EQ(stored(), 0u);
  while (!appended) {
    clock_.advance(1h);
    std::this_thread::yield();
  }
  EXPECT_EQ(stored(), 1u);
}

TEST_F(DecoratorTest, ReachesWhatWasOpened) {
  auto bucket = broker_->open_bucket({.name = "b"}).value();
  auto watch = bucket->watch("").value();
  auto reader = broker_->open_reader({.stream = "work"}).value();
  auto consumer = broker_->open_consumer({.stream = "work", .name = "c"}).value();
  for (std::size_t i = 0; i < kOperations; ++i) faults_.next(static_cast<Operation>(i), Fault::fail());
  EXPECT_FALSE(bucket->get("a"));
  EXPECT_FALSE(bucket->put("a", "1"));
  EXPECT_FALSE(bucket->list(""));
  EXPECT_FALSE(bucket->watch(""));
  EXPECT_FALSE(watch->next(0ms, {}));
  EXPECT_FALSE(reader->read({}, {}));
  EXPECT_FALSE(consumer->fetch({}, {}));
  EXPECT_FALSE(consumer->settle(std::vector<Settlement>(1)).at(0));
  EXPECT_FALSE(consumer->extend(std::vector<Lease>(1)).at(0));
  EXPECT_FALSE(broker_->admin().stream("work"));
  EXPECT_FALSE(broker_->admin().consumers("work"));
  EXPECT_FALSE(broker_->admin().read("work", 1));
  EXPECT_FALSE(broker_->admin().read_last("work", "work.a"));
  EXPECT_FALSE(broker_->admin().remove("work", 1));
  EXPECT_FALSE(broker_->admin().purge("work", ">"));
  EXPECT_FALSE(broker_->admin().delete_consumer("work", "c"));
  EXPECT_FALSE(broker_->admin().delete_stream("work"));
  EXPECT_TRUE(broker_->admin().stream("work"));
}

TEST(InstrumentedBroker, CountsCallsItemsAndErrors) {
  Metrics metrics;
  ManualClock clock;
  auto broker = make_instrumented_broker(open_memory_broker({.clock = &clock}), metrics);
  broker->ensure_stream({.name = "work", .subjects = {"work.>"}}).value();
  std::vector<AppendRequest> requests(3, AppendRequest{.message = {.subject = "work.a"}});
  requests[1].message.subject = "work..a";
  broker->append("work", requests);
  auto consumer = broker->open_consumer({.stream = "work", .name = "c"}).value();
  EXPECT_EQ(consumer->fetch({}, {}).value().size(), 2u);
  const std::string text = metrics.exposition();
  for (const std::string line :
       {"leat_broker_calls_total{broker=\"memory\",operation=\"append\"} 1\n",
        "leat_broker_items_total{broker=\"memory\",operation=\"append\"} 3\n",
        "leat_broker_items_total{broker=\"memory\",operation=\"fetch\"} 2\n",
        "leat_broker_errors_total{broker=\"memory\",operation=\"append\",code=\"invalid argument\"} 1\n",
        "leat_broker_seconds_count{broker=\"memory\",operation=\"append\"} 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(Operations, EachHasANameOfItsOwn) {
  EXPECT_EQ(to_string(Operation::kEnsureStream), "ensure_stream");
  EXPECT_EQ(to_string(Operation::kRead), "read");
  EXPECT_EQ(to_string(Operation::kDeleteConsumer), "delete_consumer");
}

}  // namespace
}  // namespace leat
