// Subscribers: order, sharing, verdicts, starts, filters and what a message tells.
#include <algorithm>
#include <array>
#include <list>

#include "broker/fault_broker.h"
#include "tests/pubsub/pubsub_suite.h"
#include "tests/support/shared_broker.h"

namespace leat::test {
namespace {

class Receiving : public PubSubSuite {};
LEAT_ON_EVERY_BROKER(Receiving);

TEST_P(Receiving, WhatIsPublishedIsReceivedInOrder) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber();
  publish_numbers(orders, 500);
  EXPECT_EQ(receive(mailer, 500), numbers(500));
  EXPECT_TRUE(nothing_comes(mailer));
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
}

TEST_P(Receiving, OneCallbackIsInOrder) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber();
  Seen seen;
  BackgroundRun run(mailer, [&](ReceivedMessage message) {
    seen.add(message.payload());
    message.ack();
  });
  publish_numbers(orders, 500);
  EXPECT_TRUE(eventually([&] { return seen.size() == 500; })) << seen.size();
  EXPECT_EQ(seen.all(), numbers(500));
  EXPECT_TRUE(run.stop());
}

// Two groups of two members: each group gets every message, at one of its members alone.
TEST_P(Receiving, ManyPublishersAndSubscribersAtOnce) {
  constexpr std::size_t kEach = 300;
  constexpr std::size_t kPublishers = 3;
  Publisher orders = publisher();
  const auto second = open_another();
  struct Group {
    std::string name;
    std::array<Seen, 2> members{};
    std::vector<std::string> all() const {
      std::vector<std::string> payloads = members[0].all();
      const auto others = members[1].all();
      payloads.insert(payloads.end(), others.begin(), others.end());
      std::sort(payloads.begin(), payloads.end());
      return payloads;
    }
  };
  std::array<Group, 2> groups{{{"red"}, {"blue"}}};
  std::list<Subscriber> subscribers;
  std::list<BackgroundRun> runs;
  for (Group& group : groups) {
    for (std::size_t i = 0; i < 2; ++i) {
      const SubscriberOptions options{.stream = "orders", .name = group.name};
      Subscriber& member = subscribers.emplace_back(i == 0 ? broker() : *second, options);
      ASSERT_TRUE(member.start());
      const auto see = [&seen = group.members[i]](ReceivedMessage message) {
        seen.add(message.payload());
        message.ack();
      };
      runs.emplace_back(member, see, RunOptions{.concurrency = 2});
    }
  }
  std::vector<std::string> published;
  for (std::size_t i = 0; i < kEach * kPublishers; ++i) published.push_back(std::to_string(i));
  ThreadPool threads("publish", kPublishers, [&](std::size_t number, const std::stop_token&) {
    for (std::size_t i = 0; i < kEach; ++i) EXPECT_TRUE(orders.publish("created", published[number * kEach + i]));
  });
  auto expected = published;
  std::sort(expected.begin(), expected.end());
  for (const Group& group : groups) {
    EXPECT_TRUE(eventually([&] { return group.all().size() >= expected.size() && facts(group.name).unsettled == 0; }));
    EXPECT_EQ(group.all(), expected) << group.name;
  }
}

TEST_P(Receiving, ANewSubscriberGetsOldMessages) {
  Publisher orders = publisher();
  publish_numbers(orders, 10);
  Subscriber first = subscriber({.name = "first"});
  EXPECT_EQ(receive(first, 10), numbers(10));
  Subscriber later = subscriber({.name = "later"});
  EXPECT_EQ(receive(later, 10), numbers(10));
}

TEST_P(Receiving, ASubscriptionGoesOnWhereItWas) {
  Publisher orders = publisher();
  publish_numbers(orders, 6);
  {
    Subscriber mailer = subscriber();
    EXPECT_EQ(receive(mailer, 2), numbers(2));
    // The others went into its buffer, and back.
  }
  Subscriber again = subscriber();
  EXPECT_EQ(sorted(receive(again, 4)), (std::vector<std::string>{"2", "3", "4", "5"}));
  EXPECT_TRUE(nothing_comes(again));
}

TEST_P(Receiving, WhereANewSubscriptionBegins) {
  Publisher orders = publisher();
  publish_numbers(orders, 3);
  pass(20ms);
  const SystemTime between = broker().clock().now();
  pass(20ms);
  ASSERT_TRUE(orders.publish("created", "late"));
  Subscriber from_time = subscriber({.name = "time", .start = StartAt::time(between)});
  Subscriber from_sequence = subscriber({.name = "sequence", .start = StartAt::sequence(3)});
  Subscriber only_new = subscriber({.name = "new", .start = StartAt::new_only()});
  Subscriber all = subscriber({.name = "all", .start = StartAt::all()});
  ASSERT_TRUE(orders.publish("created", "new"));
  EXPECT_EQ(receive(only_new, 1), (std::vector<std::string>{"new"}));
  EXPECT_EQ(receive(from_time, 2), (std::vector<std::string>{"late", "new"}));
  EXPECT_EQ(receive(from_sequence, 3), (std::vector<std::string>{"2", "late", "new"}));
  EXPECT_EQ(receive(all, 5).size(), 5U);
}

TEST_P(Receiving, WildcardsAndSeveralFilters) {
  Publisher orders = publisher();
  for (const char* subject : {"eu.created", "us.created", "eu.paid", "eu.paid.late", "us.paid", "plain"}) {
    ASSERT_TRUE(orders.publish(subject, subject));
  }
  Subscriber star = subscriber({.name = "star", .filters = {"orders.*.created"}});
  Subscriber rest = subscriber({.name = "rest", .filters = {"orders.eu.>"}});
  Subscriber some = subscriber({.name = "some", .filters = {"orders.plain", "orders.us.*", "orders.*.paid.late"}});
  EXPECT_EQ(receive(star, 2), (std::vector<std::string>{"eu.created", "us.created"}));
  EXPECT_EQ(receive(rest, 3), (std::vector<std::string>{"eu.created", "eu.paid", "eu.paid.late"}));
  const auto got = receive(some, 4);
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()),
            (std::set<std::string>{"plain", "us.created", "us.paid", "eu.paid.late"}));
  for (Subscriber* each : {&star, &rest, &some}) EXPECT_TRUE(nothing_comes(*each));
  // The stream takes what it took before.
  EXPECT_TRUE(orders.publish("asia.created", "x"));
}

TEST_P(Receiving, BadOptionsAreRefused) {
  Publisher orders = publisher();
  const auto code = [&](SubscriberOptions options) {
    if (options.stream.empty()) options.stream = "orders";
    return code_of(Subscriber(broker(), std::move(options)).start());
  };
  EXPECT_EQ(code({.name = "a", .filters = {}}), "invalid argument");
  EXPECT_EQ(code({.name = "a", .filters = {"orders.>", "orders.*.created"}}), "invalid argument");
  EXPECT_EQ(code({.name = "a", .filters = {"orders..a"}}), "invalid argument");
  EXPECT_EQ(code({.name = "a b"}), "invalid argument");
  EXPECT_EQ(code({.name = "a", .buffer = 0}), "invalid argument");
  EXPECT_EQ(code({.stream = "nothing", .name = "a"}), "not found");
  Subscriber mailer = subscriber();
  EXPECT_EQ(code({.name = "mailer", .filters = {"orders.other"}}), "conflict");
}

TEST_P(Receiving, AMessageTellsOfItself) {
  Publisher orders = publisher();
  Headers headers;
  headers.set("tenant", "acme");
  headers.set("Trace-Id", "7");
  pass(10ms);
  const SystemTime before = broker().clock().now();
  ASSERT_TRUE(orders.publish("eu.created", std::string("a\0b", 3), {.headers = headers}));
  Subscriber mailer = subscriber();
  auto message = next(mailer);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->subject(), "orders.eu.created");
  EXPECT_EQ(message->payload(), std::string("a\0b", 3));
  EXPECT_EQ(message->headers().get("tenant"), "acme");
  EXPECT_EQ(message->headers().get("Trace-Id"), "7");
  EXPECT_EQ(message->deliveries(), 1U);
  EXPECT_EQ(message->sequence(), 1U);
  EXPECT_EQ(message->delivery_number(), 1U);
  EXPECT_GE(message->stored_at(), before - 2ms);
  EXPECT_GE(message->received_at(), message->stored_at() - 2ms);
  EXPECT_EQ(message->stream(), "orders");
  EXPECT_EQ(message->subscription(), "mailer");
  EXPECT_FALSE(message->has_verdict());
  ReceivedMessage moved = std::move(*message);
  message.reset();
  moved.ack();
  moved.nak();  // too late
  EXPECT_TRUE(moved.has_verdict());
  EXPECT_EQ(moved.payload().size(), 3U);
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
}

TEST_P(Receiving, DeliveriesAreNumbered) {
  Publisher orders = publisher();
  ASSERT_TRUE(orders.publish("other", "0"));
  Subscriber mailer = subscriber({.stream = "orders", .name = "mailer", .filters = {"orders.created"}});
  for (const char* payload : {"1", "2"}) ASSERT_TRUE(orders.publish("created", payload));
  auto first = next(mailer);
  auto second = next(mailer);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->sequence(), 2U);
  EXPECT_EQ(first->delivery_number(), 1U);
  EXPECT_EQ(second->delivery_number(), 2U);
  first->nak();
  auto again = next(mailer);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->sequence(), 2U);
  EXPECT_EQ(again->delivery_number(), 3U);
}

TEST_P(Receiving, WhatIsGivenBackComesAgain) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber();
  ASSERT_TRUE(orders.publish("created", "1"));
  next(mailer).value().nak();
  auto second = next(mailer);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->deliveries(), 2U);
  second.reset();  // dropped
  auto third = next(mailer);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->deliveries(), 3U);
  const SteadyTime given_back = now();
  third->nak(400ms);
  auto fourth = next(mailer);
  ASSERT_TRUE(fourth);
  EXPECT_GE(now() - given_back, 390ms);
  EXPECT_EQ(fourth->deliveries(), 4U);
  EXPECT_TRUE(fourth->ack_confirmed());
  EXPECT_EQ(facts("mailer").unsettled, 0U);
}

TEST_P(Receiving, WithoutAVerdictItComesAgain) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber({.name = "mailer", .ack_wait = 300ms});
  ASSERT_TRUE(orders.publish("created", "1"));
  const auto kept = next(mailer);
  ASSERT_TRUE(kept);
  auto again = next(mailer);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->sequence(), kept->sequence());
  EXPECT_GE(again->deliveries(), 2U);
  again->ack();
}

TEST_P(Receiving, InProgressKeepsTheLease) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber({.name = "mailer", .ack_wait = 1500ms});
  ASSERT_TRUE(orders.publish("created", "1"));
  auto message = next(mailer);
  ASSERT_TRUE(message);
  for (int i = 0; i < 12; ++i) {
    pass(200ms);
    EXPECT_TRUE(message->in_progress());
  }
  EXPECT_EQ(facts("mailer").redelivered, 0U);
  message->ack();
}

// Callbacks that take until they may go on.
struct HeldCallbacks {
  std::atomic<int> calls{0};
  std::atomic<bool> go_on{false};
  Subscriber::Callback callback() {
    return [this](ReceivedMessage message) {
      ++calls;
      while (!go_on) leat::sleep_for(real_clock(), 5ms, {});
      message.ack();
    };
  }
};

TEST_P(Receiving, ALongCallbackRunsOnce) {
  Publisher orders = publisher();
  Subscriber one = subscriber({.name = "mailer", .ack_wait = 1500ms});
  Subscriber two = subscriber({.name = "mailer", .ack_wait = 1500ms});
  HeldCallbacks held;
  BackgroundRun run_one(one, held.callback());
  BackgroundRun run_two(two, held.callback());
  ASSERT_TRUE(orders.publish("created", "1"));
  EXPECT_TRUE(eventually([&] { return held.calls == 1; }));
  pass(3s);
  EXPECT_EQ(held.calls, 1);
  held.go_on = true;
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
}

// The renewal of the first delivery is on its way until its lease is gone and the message has come again.
TEST_P(Receiving, ARedeliveryIsNotTakenForTheDeliveryWhoseLeaseWasLost) {
  Publisher orders = publisher();
  Faults faults;
  const auto slow = make_fault_broker(std::make_unique<SharedBroker>(open_another()), faults);
  faults.before(Operation::kExtend, [](const Call& call) { return call.items > 0 ? Fault::freeze() : Fault::none(); });
  Subscriber mailer(*slow, {.stream = "orders", .name = "mailer", .ack_wait = 2500ms});
  HeldCallbacks held;
  BackgroundRun run(mailer, held.callback(), {.concurrency = 3});
  ASSERT_TRUE(orders.publish("created", "1"));
  EXPECT_TRUE(eventually([&] { return held.calls == 2; }));
  faults.clear();
  faults.release();
  pass(3500ms);
  EXPECT_EQ(held.calls, 2);
  held.go_on = true;
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
}

TEST_P(Receiving, AMessageMovedOutOfItsCallbackIsNotKept) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber({.name = "mailer", .ack_wait = 300ms});
  Mutex mutex;
  std::vector<ReceivedMessage> kept;
  std::atomic<int> calls{0};
  {
    BackgroundRun run(mailer, [&](ReceivedMessage message) {
      if (++calls > 1) return message.ack();
      MutexLock lock(mutex);
      kept.push_back(std::move(message));
    });
    ASSERT_TRUE(orders.publish("created", "1"));
    EXPECT_TRUE(eventually([&] { return calls >= 2; }));
  }
  EXPECT_EQ(kept.size(), 1U);
  kept.clear();
}

TEST_P(Receiving, GoesOnAfterErrors) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber();
  Seen done;
  BackgroundRun run(mailer, [&](ReceivedMessage message) {
    if (message.deliveries() == 1 && message.payload() == "3") throw std::runtime_error("no");
    if (message.deliveries() == 1 && message.payload() == "5") throw 7;
    if (message.deliveries() == 1 && message.payload() == "7") return;
    done.add(message.payload());
    message.ack();
  });
  publish_numbers(orders, 10);
  EXPECT_TRUE(eventually([&] { return done.size() == 10; })) << done.size();
  EXPECT_EQ(done.distinct(), 10U);
}

TEST_P(Receiving, ARangeOfMessages) {
  Publisher orders = publisher();
  publish_numbers(orders, 5);
  Subscriber mailer = subscriber();
  std::stop_source stop;
  std::vector<std::string> got;
  for (ReceivedMessage& message : mailer.messages(stop.get_token())) {
    got.push_back(message.payload());
    message.ack();
    if (got.size() == 5) stop.request_stop();
  }
  EXPECT_EQ(got, numbers(5));
  EXPECT_FALSE(mailer.error());
}

}  // namespace
}  // namespace leat::test
