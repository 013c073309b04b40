// Backoff, the most deliveries, and what becomes of messages that are given up.
#include "tests/pubsub/pubsub_suite.h"

namespace leat::test {
namespace {

class GivingUp : public PubSubSuite {};
LEAT_ON_EVERY_BROKER(GivingUp);

TEST_P(GivingUp, BackoffFollowsTheDeliveries) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber({.name = "mailer", .backoff = RetryPolicy{.jitter = 0, .table = {100ms, 400ms}}});
  ASSERT_TRUE(orders.publish("created", "1"));
  std::vector<Duration> waits;
  SteadyTime given_back{};
  for (int i = 0; i < 3; ++i) {
    auto message = next(mailer);
    ASSERT_TRUE(message);
    if (i > 0) waits.push_back(now() - given_back);
    given_back = now();
    message->nak();
  }
  EXPECT_GE(waits[0], 95ms);
  EXPECT_GE(waits[1], 395ms);
}

TEST_P(GivingUp, TheLastDeliveryIsTheLast) {
  Publisher orders = publisher();
  Publisher dead = publisher({.stream = "dead"});
  std::string reason;
  std::atomic<int> given_up{0};
  Subscriber mailer = subscriber({.name = "mailer",
                                  .max_deliver = 3,
                                  .backoff = RetryPolicy::fixed(20ms),
                                  .dead_letters = &dead,
                                  .dead_subject = "orders",
                                  .on_given_up = [&](const GivenUpMessage& message) {
                                    reason = message.reason;
                                    EXPECT_EQ(message.deliveries, 3U);
                                    ++given_up;
                                  }});
  Headers headers;
  headers.set("tenant", "acme");
  ASSERT_TRUE(orders.publish("created", "poison", {.headers = headers}));
  ASSERT_TRUE(orders.publish("created", "good"));
  std::atomic<int> calls{0};
  std::atomic<int> good{0};
  {
    BackgroundRun run(mailer, [&](ReceivedMessage message) {
      if (message.payload() == "good") {
        ++good;
        return message.ack();
      }
      ++calls;
      message.nak();
    });
    EXPECT_TRUE(eventually([&] { return given_up == 1 && good == 1; }));
  }
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
  const auto letter = broker().admin().read_last("dead", "dead.orders").value();
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->payload, "poison");
  EXPECT_EQ(letter->headers.get("tenant"), "acme");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Subject"), "orders.created");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Stream"), "orders");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Sequence"), "1");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Subscription"), "mailer");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Deliveries"), "3");
  EXPECT_EQ(letter->headers.get("Leat-Dead-Reason"), reason);
}

// Who never says a verdict reaches the maximum, too.
TEST_P(GivingUp, LapsedLeasesCount) {
  Publisher orders = publisher();
  std::atomic<int> given_up{0};
  Subscriber mailer =
      subscriber({.name = "mailer", .ack_wait = 200ms, .max_deliver = 2, .on_given_up = [&](const GivenUpMessage&) {
                    ++given_up;
                  }});
  ASSERT_TRUE(orders.publish("created", "1"));
  std::vector<ReceivedMessage> kept;
  EXPECT_TRUE(eventually([&] {
    auto message = mailer.next(0ms);
    if (message && *message) kept.push_back(std::move(**message));
    return given_up == 1;
  }));
  EXPECT_LE(kept.size(), 2U);
  kept.clear();
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
  EXPECT_TRUE(nothing_comes(mailer));
}

TEST_P(GivingUp, TermIsFinalAndHasAReason) {
  Publisher orders = publisher();
  Publisher dead = publisher({.stream = "dead"});
  Subscriber mailer = subscriber({.name = "mailer", .dead_letters = &dead});
  ASSERT_TRUE(orders.publish("created", "1"));
  next(mailer).value().term(" not\nmine ");
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
  EXPECT_TRUE(nothing_comes(mailer));
  const auto letter = broker().admin().read_last("dead", "dead.dead").value();
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->headers.get("Leat-Dead-Reason"), "not mine");
}

// The sequences of the new stream are those of the old one, and the letters of that are still remembered.
TEST_P(GivingUp, AStreamThatWasMadeAgainHasLettersOfItsOwn) {
  Publisher dead = publisher({.stream = "dead"});
  for (const std::string payload : {"first", "second"}) {
    Publisher orders = publisher();
    {
      Subscriber mailer = subscriber({.name = "mailer", .dead_letters = &dead});
      ASSERT_TRUE(orders.publish("created", payload));
      next(mailer).value().term("never");
      EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
    }
    const auto letter = broker().admin().read_last("dead", "dead.dead").value();
    ASSERT_TRUE(letter);
    EXPECT_EQ(letter->payload, payload);
    EXPECT_EQ(letter->headers.get("Leat-Dead-Sequence"), "1");
    ASSERT_TRUE(broker().admin().delete_stream("orders"));
    pass(1ms);
  }
}

TEST_P(GivingUp, WithoutItsDeadLetterAMessageIsNotGivenUp) {
  Publisher orders = publisher();
  Publisher closed = publisher({.stream = "dead"});
  closed.close();
  std::atomic<int> troubles{0};
  {
    Subscriber mailer = subscriber(
        {.name = "mailer", .max_deliver = 1, .dead_letters = &closed, .on_trouble = [&](const Error&) { ++troubles; }});
    ASSERT_TRUE(orders.publish("created", "1"));
    next(mailer).value().nak();
    EXPECT_TRUE(eventually([&] { return troubles >= 2; }));
    EXPECT_TRUE(nothing_comes(mailer));
  }
  Subscriber patient = subscriber({.name = "mailer"});
  EXPECT_EQ(receive(patient, 1), (std::vector<std::string>{"1"}));
}

}  // namespace
}  // namespace leat::test
