// Messages of one key in order, keys in parallel.
#include "tests/pubsub/pubsub_suite.h"

namespace leat::test {
namespace {

class Ordering : public PubSubSuite {
 protected:
  // Payloads "a0", "b0", "c0", "a1", ...; the letter is the key.
  void publish_letters(Publisher& to, int each) {
    std::vector<Publication> messages;
    for (int i = 0; i < each; ++i) {
      for (const char* key : {"a", "b", "c"}) {
        Publication message{.subject = "created", .payload = key + std::to_string(i)};
        message.options.headers.set("key", key);
        messages.push_back(std::move(message));
      }
    }
    for (const auto& published : to.publish_batch(std::move(messages))) ASSERT_TRUE(published);
  }
  static std::vector<std::string> of_key(const std::vector<std::string>& payloads, char key) {
    std::vector<std::string> some;
    for (const std::string& payload : payloads) {
      if (payload.front() == key) some.push_back(payload.substr(1));
    }
    return some;
  }
};
LEAT_ON_EVERY_BROKER(Ordering);

TEST_P(Ordering, AKeyIsInOrderAndKeysAreParallel) {
  Publisher orders = publisher();
  publish_letters(orders, 30);
  Subscriber mailer = subscriber({.name = "mailer", .buffer = 400, .key = key_from_header("key")});
  Seen seen;
  std::atomic<bool> a_may_go_on{false};
  std::array<std::atomic<int>, 3> running{};
  std::atomic<bool> overlapped{false};
  BackgroundRun run(mailer,
                    [&](ReceivedMessage message) {
                      const char key = message.payload().front();
                      auto& mine = running.at(static_cast<std::size_t>(key - 'a'));
                      if (++mine > 1) overlapped = true;
                      while (key == 'a' && !a_may_go_on) leat::sleep_for(real_clock(), 1ms, {});
                      seen.add(message.payload());
                      --mine;
                      message.ack();
                    },
                    {.concurrency = 4});
  // The others go on while the first of "a" holds up its key.
  EXPECT_TRUE(eventually([&] { return seen.size() == 60; })) << seen.size();
  EXPECT_TRUE(of_key(seen.all(), 'a').empty());
  a_may_go_on = true;
  EXPECT_TRUE(eventually([&] { return seen.size() == 90; })) << seen.size();
  EXPECT_TRUE(run.stop());
  for (const char key : {'a', 'b', 'c'}) EXPECT_EQ(of_key(seen.all(), key), numbers(30)) << key;
  EXPECT_FALSE(overlapped);
}

TEST_P(Ordering, WhatIsGivenBackKeepsItsPlace) {
  Publisher orders = publisher();
  publish_letters(orders, 10);
  Subscriber mailer =
      subscriber({.name = "mailer", .backoff = RetryPolicy::fixed(10ms), .key = key_from_header("key")});
  Seen done;
  std::atomic<int> failed{0};
  BackgroundRun run(mailer,
                    [&](ReceivedMessage message) {
                      const int number = std::stoi(message.payload().substr(1));
                      if (number % 3 == 0 && message.deliveries() < 4) {
                        ++failed;
                        if (number == 3) throw std::runtime_error("no");
                        return number == 6 ? message.nak(0ms) : message.nak();
                      }
                      done.add(message.payload());
                      message.ack();
                    },
                    {.concurrency = 3});
  EXPECT_TRUE(eventually([&] { return done.size() == 30; })) << done.size();
  EXPECT_TRUE(run.stop());
  for (const char key : {'a', 'b', 'c'}) EXPECT_EQ(of_key(done.all(), key), numbers(10)) << key;
  EXPECT_EQ(failed, 3 * 4 * 3);
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
}

TEST_P(Ordering, TheMostDeliveriesEndAKeysWait) {
  Publisher orders = publisher();
  publish_letters(orders, 3);
  std::atomic<int> given_up{0};
  Subscriber mailer = subscriber({.name = "mailer",
                                  .max_deliver = 3,
                                  .key = key_from_header("key"),
                                  .on_given_up = [&](const GivenUpMessage& message) {
                                    EXPECT_EQ(message.message.payload, "b1");
                                    EXPECT_EQ(message.deliveries, 3U);
                                    ++given_up;
                                  }});
  Seen done;
  BackgroundRun run(mailer,
                    [&](ReceivedMessage message) {
                      if (message.payload() == "b1") return message.nak();
                      done.add(message.payload());
                      message.ack();
                    },
                    {.concurrency = 2});
  EXPECT_TRUE(eventually([&] { return done.size() == 8 && given_up == 1; })) << done.size();
  EXPECT_EQ(of_key(done.all(), 'b'), (std::vector<std::string>{"0", "2"}));
}

// Also what waits behind another one, and what waits for its next turn.
TEST_P(Ordering, StopGivesEverythingBack) {
  Publisher orders = publisher();
  publish_letters(orders, 5);
  {
    Subscriber mailer = subscriber({.name = "mailer", .key = key_from_header("key")});
    auto a = next(mailer);
    ASSERT_TRUE(a);
    a->nak(1h);
    auto b = next(mailer);
    ASSERT_TRUE(b);
    EXPECT_EQ(b->payload(), "b0");
    mailer.stop();
  }
  Subscriber again = subscriber();
  const SteadyTime began = now();
  EXPECT_EQ(receive(again, 15).size(), 15U);
  EXPECT_LT(now() - began, 25s);
  EXPECT_TRUE(nothing_comes(again));
}

TEST_P(Ordering, MessagesFromNextAreInOrderToo) {
  Publisher orders = publisher();
  publish_letters(orders, 2);
  Subscriber mailer = subscriber({.name = "mailer", .key = key_from_header("key")});
  std::vector<ReceivedMessage> first;
  for (int i = 0; i < 3; ++i) first.push_back(next(mailer).value());
  EXPECT_EQ(first[0].payload() + first[1].payload() + first[2].payload(), "a0b0c0");
  EXPECT_TRUE(nothing_comes(mailer));
  EXPECT_TRUE(first[1].ack_confirmed());
  EXPECT_EQ(receive(mailer, 1), (std::vector<std::string>{"b1"}));
  first.clear();
  const auto rest = receive(mailer, 4);
  EXPECT_EQ(of_key(rest, 'a'), numbers(2));
  EXPECT_EQ(of_key(rest, 'c'), numbers(2));
}

}  // namespace
}  // namespace leat::test
