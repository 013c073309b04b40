// Durable subscriptions: filters, where they begin, how much they hold.
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Subscriptions : public Conformance {
 protected:
  Result<std::unique_ptr<Consumer>> try_open(const std::string& name, const std::string& filter) {
    return broker().open_consumer({.stream = "work", .name = name, .filter = filter});
  }
  std::vector<std::string> delivered(const ConsumerConfig& config, std::size_t count) {
    auto consumer = open_consumer(config);
    auto fetched = payloads(fetch(*consumer, count));
    EXPECT_TRUE(nothing_comes(*consumer));
    return fetched;
  }
};
LEAT_ON_EVERY_BROKER(Subscriptions);

TEST_P(Subscriptions, FiltersSelectSubjects) {
  ensure_limits();
  for (const std::string subject : {"events.a", "events.a.x", "events.b.x", "events.b.y", "events.b.x.deep"}) {
    append("events", subject, subject);
  }
  using Names = std::vector<std::string>;
  const std::vector<std::pair<std::string, Names>> cases{
      {">", {"events.a", "events.a.x", "events.b.x", "events.b.y", "events.b.x.deep"}},
      {"events.a", {"events.a"}},
      {"events.*", {"events.a"}},
      {"events.*.x", {"events.a.x", "events.b.x"}},
      {"events.b.>", {"events.b.x", "events.b.y", "events.b.x.deep"}},
      {"events.*.*.>", {"events.b.x.deep"}},
      {"events.b.*", {"events.b.x", "events.b.y"}},
  };
  int number = 0;
  for (const auto& [filter, wanted] : cases) {
    const ConsumerConfig config{.stream = "events", .name = "c" + std::to_string(number++), .filter = filter};
    EXPECT_EQ(delivered(config, wanted.size()), wanted) << filter;
  }
}

TEST_P(Subscriptions, NewMessagesPassTheFilterToo) {
  ensure_limits();
  auto consumer = open_consumer({.stream = "events", .name = "c", .filter = "events.a"});
  EXPECT_TRUE(nothing_comes(*consumer));
  append("events", "events.b", "no");
  append("events", "events.a", "yes");
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"yes"}));
  EXPECT_TRUE(nothing_comes(*consumer));
}

TEST_P(Subscriptions, DriftOfAnExistingOneIsToldAndNothingChanged) {
  ensure_work_queue();
  const ConsumerConfig config{.stream = "work", .name = "workers", .ack_wait = 20s, .max_unsettled = 100};
  EXPECT_TRUE(open_consumer(config)->drift().empty());
  EXPECT_TRUE(open_consumer(config)->drift().empty());
  for (int i = 0; i < 2; ++i) {
    const auto consumer = open_consumer({.stream = "work", .name = "workers", .ack_wait = 30s, .max_unsettled = 7});
    ASSERT_EQ(consumer->drift().size(), 2U);
    const Drift& ack_wait = consumer->drift()[0];
    EXPECT_EQ(ack_wait.setting + " " + ack_wait.wanted + " " + ack_wait.actual, "ack_wait 30s 20s");
    const Drift& unsettled = consumer->drift()[1];
    EXPECT_EQ(unsettled.setting + " " + unsettled.wanted + " " + unsettled.actual, "max_unsettled 7 100");
  }
}

TEST_P(Subscriptions, ExistingOneGoesOnWhereItWas) {
  ensure_limits();
  append_numbers("events", "events.a", 2);
  auto consumer = open_workers("events");
  ASSERT_OK(settle(*consumer, fetch(*consumer, 1).at(0), Verdict::kDone));
  consumer.reset();
  reopen();
  consumer = open_workers("events");
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
}

TEST_P(Subscriptions, NumberTheirDeliveries) {
  for (const auto& [stream, subject] : {std::pair{"events", "events.a"}, {"work", "work.a"}}) {
    std::string(stream) == "events" ? ensure_limits() : ensure_work_queue();
    append_numbers(stream, subject, 3);
    auto consumer = open_workers(stream);
    const auto fetched = fetch(*consumer, 3);
    std::vector<std::uint64_t> numbers;
    for (const Delivery& delivery : fetched) numbers.push_back(delivery.number);
    EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 2, 3})) << stream;
    for (const Delivery& delivery : fetched) ASSERT_OK(settle(*consumer, delivery, Verdict::kRetry));
    EXPECT_EQ(fetch(*consumer, 1).at(0).number, 4U) << stream;
    consumer.reset();
    reopen();
    consumer = open_workers(stream);
    EXPECT_GT(fetch(*consumer, 1).at(0).number, 4U) << stream;
  }
}

TEST_P(Subscriptions, OverlappingFiltersOfAWorkQueueAreRefused) {
  ensure_work_queue();
  auto first = try_open("first", "work.a.*").value();
  for (const std::string filter : {">", "work.>", "work.*.*", "work.a.b", "work.*.x", "work.a.*"}) {
    EXPECT_CODE(try_open("second", filter), ErrorCode::kConflict) << filter;
  }
  EXPECT_OK(try_open("second", "work.b.*"));
  EXPECT_OK(try_open("third", "work.a.b.c"));
  EXPECT_OK(try_open("first", "work.a.*"));
  EXPECT_EQ(admin().consumers("work").value().size(), 3u);
}

TEST_P(Subscriptions, DeletedOneFreesItsFilter) {
  ensure_work_queue();
  ASSERT_OK(try_open("first", ">"));
  ASSERT_OK(admin().delete_consumer("work", "first"));
  EXPECT_OK(try_open("second", ">"));
}

TEST_P(Subscriptions, AnotherFilterOfAnExistingOneIsRefused) {
  ensure_work_queue();
  ASSERT_OK(try_open("first", "work.a"));
  EXPECT_CODE(try_open("first", "work.b"), ErrorCode::kConflict);
  EXPECT_EQ(admin().consumers("work").value().at(0).filter, "work.a");
}

TEST_P(Subscriptions, WorkQueueSubscriptionsShareByFilter) {
  ensure_work_queue();
  append("work", "work.a", "a");
  append("work", "work.b", "b");
  auto a = try_open("a", "work.a").value();
  auto b = try_open("b", "work.b").value();
  EXPECT_EQ(payloads(fetch(*a, 1)), (std::vector<std::string>{"a"}));
  EXPECT_EQ(payloads(fetch(*b, 1)), (std::vector<std::string>{"b"}));
}

TEST_P(Subscriptions, InvalidConfigurationsAreRefused) {
  ensure_work_queue();
  const std::vector<ConsumerConfig> bad{
      {.stream = "work", .name = ""},
      {.stream = "work", .name = "a.b"},
      {.stream = "work", .name = "a", .filter = ""},
      {.stream = "work", .name = "a", .filter = "work..a"},
      {.stream = "work", .name = "a", .filter = "work.>.a"},
      {.stream = "work", .name = "a", .ack_wait = 9ms},
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_CODE(broker().open_consumer(bad[i]), ErrorCode::kInvalidArgument) << "number " << i;
  }
  EXPECT_CODE(broker().open_consumer({.stream = "nothing", .name = "a"}), ErrorCode::kNotFound);
}

TEST_P(Subscriptions, BeginAtTheEnd) {
  ensure_limits();
  append("events", "events.a", "before");
  auto consumer = open_consumer({.stream = "events", .name = "c", .start = ConsumerConfig::Start::kEnd});
  EXPECT_TRUE(nothing_comes(*consumer));
  append("events", "events.a", "after");
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"after"}));
}

TEST_P(Subscriptions, BeginAtASequence) {
  ensure_limits();
  append_numbers("events", "events.a", 5);
  const ConsumerConfig config{
      .stream = "events", .name = "c", .start = ConsumerConfig::Start::kEnd, .start_sequence = 4};
  EXPECT_EQ(delivered(config, 2), (std::vector<std::string>{"3", "4"}));
}

TEST_P(Subscriptions, BeginAtATime) {
  ensure_limits();
  append("events", "events.a", "before");
  pass(20ms);
  append("events", "events.a", "at");
  append("events", "events.a", "after");
  const SystemTime at = present(admin().read("events", 2)).time;
  EXPECT_EQ(delivered({.stream = "events", .name = "c", .start_time = at}, 2),
            (std::vector<std::string>{"at", "after"}));
}

TEST_P(Subscriptions, WorkQueuesAlwaysBeginAtTheBeginning) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  const ConsumerConfig config{.stream = "work", .name = "c", .start = ConsumerConfig::Start::kEnd, .start_sequence = 3};
  EXPECT_EQ(delivered(config, 3), numbers(3));
}

TEST_P(Subscriptions, HoldNoMoreThanMaxUnsettled) {
  ensure_work_queue();
  append_numbers("work", "work.a", 10);
  auto consumer = open_consumer({.stream = "work", .name = "c", .max_unsettled = 4});
  auto other = open_another();
  auto other_consumer = other->open_consumer({.stream = "work", .name = "c", .max_unsettled = 4}).value();
  const auto held = fetch(*consumer, 4);
  EXPECT_TRUE(nothing_comes(*consumer));
  EXPECT_TRUE(nothing_comes(*other_consumer));
  ASSERT_OK(settle(*consumer, held.at(0), Verdict::kDone));
  EXPECT_EQ(payloads(fetch(*other_consumer, 1)), (std::vector<std::string>{"4"}));
  ASSERT_OK(settle(*consumer, held.at(1), Verdict::kRetry, 1h));
  EXPECT_TRUE(nothing_comes(*consumer));
}

TEST_P(Subscriptions, RetriesComeThoughMaxUnsettledIsReached) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  auto consumer = open_consumer({.stream = "work", .name = "c", .max_unsettled = 1});
  const auto held = fetch(*consumer, 1);
  ASSERT_OK(settle(*consumer, held.at(0), Verdict::kRetry));
  const auto again = fetch(*consumer, 1);
  EXPECT_EQ(payloads(again), (std::vector<std::string>{"0"}));
  ASSERT_OK(settle(*consumer, again.at(0), Verdict::kDone));
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
}

TEST_P(Subscriptions, FactsTellWhatIsPendingAndUnsettled) {
  ensure_work_queue();
  auto a = try_open("a", "work.a").value();
  auto b = try_open("b", "work.b").value();
  append_numbers("work", "work.a", 5);
  append_numbers("work", "work.b", 2);
  const auto held = fetch(*a, 3);
  ASSERT_OK(settle(*a, held.at(0), Verdict::kDone));
  ASSERT_OK(settle(*a, held.at(1), Verdict::kRetry));
  ASSERT_EQ(fetch(*a, 1).at(0).lease.delivery_count, 2u);
  const auto facts = admin().consumers("work").value();
  ASSERT_EQ(facts.size(), 2u);
  EXPECT_EQ(facts[0].name, "a");
  EXPECT_EQ(facts[0].filter, "work.a");
  EXPECT_EQ(facts[0].pending, 2u);
  EXPECT_EQ(facts[0].unsettled, 2u);
  EXPECT_EQ(facts[0].redelivered, 1u);
  EXPECT_EQ(facts[1].name, "b");
  EXPECT_EQ(facts[1].pending, 2u);
  EXPECT_EQ(facts[1].unsettled, 0u);
}

TEST_P(Subscriptions, RemovedMessagesAreNotPending) {
  ensure_limits();
  append_numbers("events", "events.a", 5);
  auto consumer = open_workers("events");
  ASSERT_TRUE(admin().remove("events", 2).value());
  ASSERT_TRUE(admin().remove("events", 5).value());
  EXPECT_EQ(payloads(fetch(*consumer, 3)), (std::vector<std::string>{"0", "2", "3"}));
  EXPECT_TRUE(nothing_comes(*consumer));
}

}  // namespace
}  // namespace leat::test
