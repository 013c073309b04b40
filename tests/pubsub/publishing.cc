// Publishers: streams, subjects, ids, batches, retries, the hook, and their end.
#include <algorithm>

#include "broker/fault_broker.h"
#include "leat/memory_broker.h"
#include "tests/pubsub/pubsub_suite.h"
#include "tests/support/kept_lines.h"

namespace leat::test {
namespace {

class Publishing : public PubSubSuite {};
LEAT_ON_EVERY_BROKER(Publishing);

TEST_P(Publishing, TheStreamIsMadeWithItsLimits) {
  Publisher orders = publisher({.stream = "orders", .subject_prefix = "shop.orders", .max_messages = 2});
  const auto first = orders.publish("created", "1").value();
  EXPECT_EQ(first.sequence, 1U);
  for (const char* payload : {"2", "3"}) ASSERT_TRUE(orders.publish("eu.created", payload));
  EXPECT_EQ(broker().admin().stream("orders").value().messages, 2U);
  const auto last = broker().admin().read_last("orders", "shop.orders.eu.created").value();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->payload, "3");
}

PublisherOptions limited() {
  return {.stream = "orders",
          .storage = Storage::kMemory,
          .max_age = 2h,
          .max_messages = 1000,
          .max_bytes = 1 << 20,
          .dedupe_window = 5min};
}

TEST_P(Publishing, TheStreamHasEverySettingOfItsPublisher) {
  ASSERT_TRUE(Publisher(broker(), limited()).open());
  const auto ensured = broker()
                           .ensure_stream({.name = "orders",
                                           .subjects = {"orders.>"},
                                           .storage = Storage::kMemory,
                                           .max_age = 2h,
                                           .max_messages = 1000,
                                           .max_bytes = 1 << 20,
                                           .dedupe_window = 5min})
                           .value();
  EXPECT_FALSE(ensured.created);
  for (const Drift& drift : ensured.drift) ADD_FAILURE() << drift.setting << ": " << drift.actual;
}

TEST_P(Publishing, ReplicasAreAskedFor) {
  Publisher orders(broker(), {.stream = "orders", .replicas = 3});
  EXPECT_EQ(orders.open().has_value(), !fixture().has_server());  // one server cannot have three
}

TEST_P(Publishing, WhatASecondPublisherWouldHaveOtherwiseGoesToTheLog) {
  ASSERT_TRUE(Publisher(broker(), limited()).open());
  KeptLines log;
  PublisherOptions options = limited();
  options.log = &log;
  ASSERT_TRUE(Publisher(broker(), options).open());
  EXPECT_EQ(log.all(), std::vector<std::string>());
  options.storage = Storage::kFile;
  options.max_age = 1h;
  options.max_bytes = 1 << 21;
  options.dedupe_window = 1min;
  ASSERT_TRUE(Publisher(broker(), options).open());
  auto lines = log.all();
  std::sort(lines.begin(), lines.end());
  const std::string line =
      "it exists with another setting than this program wants, and is used as it is stream=orders setting=";
  EXPECT_EQ(lines, (std::vector<std::string>{
                       line + "dedupe_window wanted=1m actual=5m", line + "max_age wanted=1h actual=2h",
                       line + "max_bytes wanted=2097152 actual=1048576", line + "storage wanted=file actual=memory"}));
}

TEST_P(Publishing, AStreamThatIsThereStaysAsItIs) {
  ASSERT_TRUE(broker().ensure_stream({.name = "orders", .subjects = {"orders.a", "orders.b"}, .max_messages = 5}));
  Publisher orders = publisher({.stream = "orders", .max_messages = 2});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(orders.publish("a", "x"));
  EXPECT_EQ(broker().admin().stream("orders").value().messages, 4U);
  EXPECT_FALSE(orders.publish("c", "no subject of the stream"));
}

TEST_P(Publishing, AMessageIdIsStoredOnce) {
  Publisher orders = publisher();
  const auto first = orders.publish("created", "1", {.message_id = "order-1"}).value();
  const auto second = orders.publish("created", "1", {.message_id = "order-1"}).value();
  EXPECT_FALSE(first.duplicate);
  EXPECT_TRUE(second.duplicate);
  EXPECT_EQ(first.sequence, second.sequence);
  EXPECT_EQ(broker().admin().stream("orders").value().messages, 1U);
}

TEST_P(Publishing, ABatchHasOneResultForEachMessage) {
  Publisher orders = publisher();
  const auto results = orders.publish_batch({{"a", "1"}, {"with space", "2"}, {"b", "3"}});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(results[0]);
  EXPECT_CODE(results[1], ErrorCode::kInvalidArgument);
  EXPECT_TRUE(results[2]);
  EXPECT_LT(results[0]->sequence, results[2]->sequence);
  EXPECT_TRUE(orders.publish_batch({}).empty());
}

TEST_P(Publishing, TheHookIsToldOfEachMessage) {
  struct Told {
    std::string subject;
    bool ok;
    Duration latency;
    std::uint64_t sequence;
  };
  std::vector<Told> told;
  Publisher orders = publisher(
      {.stream = "orders", .on_publish = [&](const PublishReport& report) {
         told.push_back({std::string(report.subject), report.error == nullptr, report.latency, report.sequence});
       }});
  ASSERT_TRUE(orders.publish("created", "1"));
  EXPECT_FALSE(orders.publish("cre>ated", "2"));
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].subject, "orders.created");
  EXPECT_TRUE(told[0].ok);
  EXPECT_GE(told[0].latency, Duration{0});
  EXPECT_EQ(told[0].sequence, 1U);
  EXPECT_FALSE(told[1].ok);
}

TEST_P(Publishing, CloseWhilePublishingLosesNoAnswer) {
  Publisher orders = publisher();
  std::atomic<int> stored{0};
  std::atomic<int> closed{0};
  std::atomic<int> other{0};
  ThreadPool threads("publish", 4, [&](std::size_t, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto results = orders.publish_batch({{"a", "x"}, {"a", "y"}});
      for (const auto& result : results) {
        if (result) {
          ++stored;
        } else if (result.error().message() == "the publisher is closed") {
          ++closed;
        } else {
          ++other;
        }
      }
    }
  });
  EXPECT_TRUE(eventually([&] { return stored > 50; }));
  orders.close();
  const int stored_until_close = stored;
  EXPECT_TRUE(eventually([&] { return closed > 20; }));
  orders.close();
  threads.stop();
  EXPECT_EQ(other, 0);
  EXPECT_LE(stored - stored_until_close, 8);  // answered before close() returned, counted after
  EXPECT_EQ(broker().admin().stream("orders").value().messages, static_cast<std::uint64_t>(stored));
  EXPECT_CODE(orders.publish("a", "late"), ErrorCode::kInvalidArgument);
  EXPECT_CODE(orders.open(), ErrorCode::kInvalidArgument);
}

TEST_P(Publishing, AStreamThatWasDeletedIsMadeAgain) {
  Publisher orders = publisher();
  ASSERT_TRUE(orders.publish("created", "1"));
  ASSERT_TRUE(broker().admin().delete_stream("orders"));
  EXPECT_TRUE(eventually([&] { return orders.publish("created", "2").has_value(); }));
}

class PublishingWithFaults : public testing::Test {
 protected:
  Faults faults_;
  std::unique_ptr<Broker> broker_ = make_fault_broker(open_memory_broker(), faults_);
};

TEST_F(PublishingWithFaults, OnlyPassingErrorsAreTriedAgain) {
  int reports = 0;
  Publisher orders(*broker_, {.stream = "orders",
                              .retries = 2,
                              .backoff = RetryPolicy::fixed(1ms),
                              .on_publish = [&](const PublishReport&) { ++reports; }});
  ASSERT_TRUE(orders.open());
  faults_.next(Operation::kAppend, Fault::fail(), 2);
  EXPECT_TRUE(orders.publish("a", "1"));
  EXPECT_EQ(faults_.calls(Operation::kAppend), 3U);
  faults_.next(Operation::kAppend, Fault::fail(), 3);
  EXPECT_CODE(orders.publish("a", "2"), ErrorCode::kUnavailable);
  EXPECT_EQ(faults_.calls(Operation::kAppend), 6U);
  faults_.next(Operation::kAppend, Fault::fail(ErrorCode::kFull));
  EXPECT_CODE(orders.publish("a", "3"), ErrorCode::kFull);
  EXPECT_EQ(faults_.calls(Operation::kAppend), 7U);
  EXPECT_EQ(reports, 3);
}

TEST_F(PublishingWithFaults, ALostAnswerIsAskedForAgainOnlyWithAnId) {
  Publisher orders(*broker_, {.stream = "orders", .retries = 1, .backoff = RetryPolicy::fixed(1ms)});
  ASSERT_TRUE(orders.open());
  faults_.next(Operation::kAppend, Fault::lose_answer());
  EXPECT_CODE(orders.publish("a", "1"), ErrorCode::kUnknown);
  faults_.next(Operation::kAppend, Fault::lose_answer());
  const auto published = orders.publish("a", "2", {.message_id = "2"});
  ASSERT_TRUE(published);
  EXPECT_TRUE(published->duplicate);
  EXPECT_EQ(broker_->admin().stream("orders").value().messages, 2U);
}

TEST_F(PublishingWithFaults, CloseEndsTheWaitForARepetition) {
  Publisher orders(*broker_, {.stream = "orders", .retries = 5, .backoff = RetryPolicy::fixed(1h)});
  ASSERT_TRUE(orders.open());
  faults_.next(Operation::kAppend, Fault::fail(), 10);
  std::optional<Result<Appended>> result;
  {
    const Thread publishing =
        start_thread("publish", [&](const std::stop_token&) { result = orders.publish("a", "1"); });
    const SteadyTime until = real_clock().steady() + kPatience;
    while (faults_.calls(Operation::kAppend) == 0 && real_clock().steady() < until) std::this_thread::yield();
    orders.close();
  }
  ASSERT_TRUE(result);
  EXPECT_FALSE(*result);
}

}  // namespace
}  // namespace leat::test
