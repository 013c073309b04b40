// How subscriptions end, and what survives: stops, deleted subscriptions, servers that are stopped and killed.
#include "tests/pubsub/pubsub_suite.h"

namespace leat::test {
namespace {

class Ending : public PubSubSuite {};
LEAT_ON_EVERY_BROKER(Ending);

TEST_P(Ending, StopGivesBackWhatIsNotBegunAndWaitsForWhatIs) {
  Publisher orders = publisher();
  publish_numbers(orders, 50);
  std::atomic<int> begun{0};
  std::atomic<bool> go_on{false};
  Seen acked;
  const auto second = open_another();
  {
    Subscriber first = subscriber();
    BackgroundRun run(first,
                      [&](ReceivedMessage message) {
                        ++begun;
                        while (!go_on) leat::sleep_for(real_clock(), 1ms, {});
                        acked.add(message.payload());
                        message.ack();
                      },
                      {.concurrency = 2});
    EXPECT_TRUE(eventually([&] { return begun == 2; }));
    first.request_stop();
    // The others are free while those two callbacks still run.
    Subscriber other(*second, {.stream = "orders", .name = "mailer"});
    const SteadyTime began = now();
    EXPECT_EQ(receive(other, 48).size(), 48U);
    EXPECT_LT(now() - began, 25s);  // not after the 30 s that their leases would have lasted
    EXPECT_FALSE(run.ended());
    go_on = true;
    EXPECT_TRUE(run.stop());
    EXPECT_TRUE(nothing_comes(other));
  }
  EXPECT_EQ(acked.distinct(), 2U);
  EXPECT_EQ(begun, 2);
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0; }));
}

TEST_P(Ending, StopEndsTheStreamOfMessages) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber();
  std::atomic<bool> over{false};
  const Thread reading = start_thread("read", [&](const std::stop_token&) {
    for (ReceivedMessage& message : mailer.messages()) message.ack();
    over = true;
  });
  ASSERT_TRUE(orders.publish("created", "1"));
  EXPECT_TRUE(eventually([&] { return facts("mailer").unsettled == 0 && facts("mailer").pending == 0; }));
  mailer.stop();
  mailer.stop();
  EXPECT_TRUE(eventually([&] { return over.load(); }));
  EXPECT_TRUE(mailer.stopped());
  EXPECT_FALSE(mailer.error());
  EXPECT_TRUE(mailer.run([](ReceivedMessage) {}, {}));
  const auto none = mailer.next(1h);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_P(Ending, ACallbackMayAskForTheStop) {
  Publisher orders = publisher();
  publish_numbers(orders, 5);
  Subscriber mailer = subscriber();
  std::stop_source stop;
  int calls = 0;
  EXPECT_TRUE(mailer.run(
      [&](ReceivedMessage message) {
        message.ack();
        if (++calls == 3) stop.request_stop();
      },
      stop.get_token()));
  EXPECT_EQ(calls, 3);
  Subscriber again = subscriber();
  EXPECT_EQ(sorted(receive(again, 2)), (std::vector<std::string>{"3", "4"}));
}

TEST_P(Ending, AMessageMayOutliveItsSubscriber) {
  Publisher orders = publisher();
  publish_numbers(orders, 3);
  std::vector<ReceivedMessage> kept;
  {
    Subscriber mailer = subscriber();
    for (int i = 0; i < 3; ++i) kept.push_back(next(mailer).value());
  }
  kept[0].ack();
  EXPECT_TRUE(kept[1].ack_confirmed());
  EXPECT_EQ(kept[2].payload(), "2");
  kept.clear();
  Subscriber again = subscriber();
  EXPECT_EQ(receive(again, 1), (std::vector<std::string>{"2"}));
  EXPECT_TRUE(nothing_comes(again));
}

TEST_P(Ending, NeverStartedItEndsToo) {
  Subscriber mailer(broker(), {.stream = "orders", .name = "mailer"});
  mailer.stop();
  EXPECT_TRUE(mailer.start());
  EXPECT_TRUE(mailer.stopped());
}

TEST_P(Ending, ADeletedSubscriptionIsAnError) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber();
  BackgroundRun run(mailer, [](ReceivedMessage message) { message.ack(); });
  ASSERT_TRUE(orders.publish("created", "1"));
  ASSERT_TRUE(eventually([&] { return facts("mailer").delivered_up_to == 1 && facts("mailer").unsettled == 0; }));
  ASSERT_TRUE(broker().admin().delete_consumer("orders", "mailer"));
  EXPECT_TRUE(eventually([&] { return run.ended(); }));
  EXPECT_CODE(run.stop(), ErrorCode::kNotFound);
  ASSERT_TRUE(mailer.error());
  EXPECT_EQ(mailer.error()->code(), ErrorCode::kNotFound);
  EXPECT_CODE(mailer.next(1h), ErrorCode::kNotFound);
}

TEST_P(Ending, ADeletedStreamIsAnError) {
  Publisher orders = publisher();
  Subscriber mailer = subscriber({.name = "mailer", .filters = {"orders.a", "orders.b"}});
  std::atomic<bool> over{false};
  const Thread reading = start_thread("read", [&](const std::stop_token&) {
    for (ReceivedMessage& message : mailer.messages()) message.ack();
    over = true;
  });
  ASSERT_TRUE(broker().admin().delete_stream("orders"));
  EXPECT_TRUE(eventually([&] { return over.load(); }));
  ASSERT_TRUE(mailer.error());
  EXPECT_EQ(mailer.error()->code(), ErrorCode::kNotFound);
}

// Every message that was stored is received, with the server stopped twice on the way.
TEST_P(Ending, AServerMayStopInMidStream) {
  if (!fixture().has_server()) GTEST_SKIP() << "there is no server";
  Publisher orders = publisher({.stream = "orders", .retries = 50, .backoff = RetryPolicy::fixed(50ms)});
  Subscriber mailer = subscriber({.name = "mailer", .ack_wait = 2s});
  Seen seen;
  BackgroundRun run(mailer,
                    [&](ReceivedMessage message) {
                      seen.add(message.payload());
                      message.ack();
                    },
                    {.concurrency = 2});
  Seen stored;
  Thread publishing = start_thread("publish", [&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      const std::string number = std::to_string(i);
      if (orders.publish("created", number, {.message_id = number})) stored.add(number);
    }
  });
  for (const auto how : {BrokerFixture::Shutdown::kTerminate, BrokerFixture::Shutdown::kKill}) {
    const std::size_t before = seen.size();
    EXPECT_TRUE(eventually([&] { return seen.size() >= before + 100; }));
    fixture().stop_server(how);
    fixture().start_server();
    const std::size_t after = seen.size();
    EXPECT_TRUE(eventually([&] { return seen.size() >= after + 100; })) << seen.size() - after;
  }
  publishing.request_stop();
  publishing.join();
  EXPECT_TRUE(eventually([&] {
    const auto got = seen.all();
    const std::set<std::string> distinct(got.begin(), got.end());
    const auto wanted = stored.all();
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& each) { return distinct.contains(each); });
  }));
  EXPECT_FALSE(mailer.error());
  EXPECT_TRUE(run.stop());
}

TEST_P(Ending, AServerThatIsGoneIsReportedUntilItIsBack) {
  if (!fixture().has_server()) GTEST_SKIP() << "there is no server";
  std::atomic<int> troubles{0};
  Publisher orders = publisher({.stream = "orders", .retries = 50, .backoff = RetryPolicy::fixed(50ms)});
  ASSERT_TRUE(orders.publish("created", "1"));
  Subscriber mailer = subscriber({.name = "mailer", .on_trouble = [&](const Error& error) {
                                    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
                                    ++troubles;
                                  }});
  Seen seen;
  BackgroundRun run(mailer, [&](ReceivedMessage message) {
    seen.add(message.payload());
    message.ack();
  });
  ASSERT_TRUE(eventually([&] { return seen.size() == 1; }));
  EXPECT_EQ(troubles, 0);
  fixture().stop_server(BrokerFixture::Shutdown::kKill);
  EXPECT_TRUE(eventually([&] { return troubles > 0; }));
  fixture().start_server();
  ASSERT_TRUE(orders.publish("created", "2"));
  EXPECT_TRUE(eventually([&] { return seen.all().back() == "2"; }));
  EXPECT_FALSE(mailer.error());
  EXPECT_TRUE(run.stop());
}

}  // namespace
}  // namespace leat::test
