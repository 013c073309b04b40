// Subscribers on a broker that fails on demand, and services that are started and stopped again and again.
#include "broker/fault_broker.h"
#include "leat/memory_broker.h"
#include "tests/pubsub/pubsub_suite.h"

namespace leat::test {
namespace {

class EndingWithFaults : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(orders_.open()); }
  static bool eventually(const std::function<bool()>& happened) {
    const SteadyTime until = real_clock().steady() + kPatience;
    while (!happened()) {
      if (real_clock().steady() > until) return false;
      leat::sleep_for(real_clock(), 2ms, {});
    }
    return true;
  }
  std::uint64_t unsettled() { return broker_->admin().consumers("orders").value().front().unsettled; }

  Faults faults_;
  std::unique_ptr<Broker> broker_ = make_fault_broker(open_memory_broker(), faults_);
  Publisher orders_{*broker_, {.stream = "orders"}};
};

TEST_F(EndingWithFaults, ALostPermissionIsAnError) {
  Subscriber mailer(*broker_, {.stream = "orders", .name = "mailer"});
  ASSERT_TRUE(mailer.start());
  ASSERT_TRUE(eventually([&] { return faults_.calls(Operation::kFetch) == 1; }));
  faults_.next(Operation::kFetch, Fault::fail(ErrorCode::kDenied));
  ASSERT_TRUE(orders_.publish("a", "1"));
  Result<void> ran;
  {
    BackgroundRun run(mailer, [](ReceivedMessage message) { message.ack(); });
    EXPECT_TRUE(eventually([&] { return run.ended(); }));
    ran = run.stop();
  }
  EXPECT_CODE(ran, ErrorCode::kDenied);
  ASSERT_TRUE(mailer.error());
}

TEST_F(EndingWithFaults, APassingErrorIsReportedAndHeals) {
  std::atomic<int> troubles{0};
  Subscriber mailer(*broker_, {.stream = "orders", .name = "mailer", .on_trouble = [&](const Error& error) {
                                 EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
                                 ++troubles;
                               }});
  faults_.next(Operation::kFetch, Fault::fail());
  ASSERT_TRUE(orders_.publish("a", "1"));
  auto message = mailer.next(30s);
  ASSERT_TRUE(message && *message);
  EXPECT_EQ(troubles, 1);
}

TEST_F(EndingWithFaults, AMessageIsGivenUpOnceHoweverOftenItsSettlementFails) {
  std::atomic<int> given_up{0};
  Subscriber mailer(*broker_,
                    {.stream = "orders", .name = "mailer", .on_given_up = [&](const GivenUpMessage&) { ++given_up; }});
  ASSERT_TRUE(orders_.publish("a", "1"));
  auto message = mailer.next(30s);
  ASSERT_TRUE(message && *message);
  faults_.next(Operation::kSettle, Fault::fail(), 2);
  (*message)->term("never");
  EXPECT_TRUE(eventually([&] { return unsettled() == 0; }));
  EXPECT_EQ(given_up, 1);
}

TEST_F(EndingWithFaults, ASettlementThatFailsIsTriedAgain) {
  Subscriber mailer(*broker_, {.stream = "orders", .name = "mailer"});
  ASSERT_TRUE(orders_.publish("a", "1"));
  auto message = mailer.next(30s);
  ASSERT_TRUE(message && *message);
  faults_.next(Operation::kSettle, Fault::fail(), 2);
  (*message)->ack();
  EXPECT_TRUE(eventually([&] { return faults_.calls(Operation::kSettle) >= 3 && unsettled() == 0; }));
}

TEST_F(EndingWithFaults, StopTriesOnceMoreWhatCouldNotBeSettled) {
  {
    Subscriber mailer(*broker_, {.stream = "orders", .name = "mailer"});
    ASSERT_TRUE(orders_.publish("a", "1"));
    auto message = mailer.next(30s);
    ASSERT_TRUE(message && *message);
    faults_.next(Operation::kSettle, Fault::fail());
    (*message)->ack();
  }
  EXPECT_EQ(unsettled(), 0U);
}

// One round trip settles many.
TEST_F(EndingWithFaults, AcksGoInBatches) {
  constexpr int kMessages = 2000;
  std::vector<Publication> messages(kMessages, {"a", "x"});
  orders_.publish_batch(std::move(messages));
  Subscriber mailer(*broker_, {.stream = "orders", .name = "mailer", .buffer = 1000});
  std::atomic<int> seen{0};
  BackgroundRun run(mailer, [&](ReceivedMessage message) {
    ++seen;
    message.ack();
  });
  EXPECT_TRUE(eventually([&] { return seen == kMessages && unsettled() == 0; }));
  EXPECT_LT(faults_.calls(Operation::kSettle), kMessages / 2U);
}

TEST_F(EndingWithFaults, ALostLeaseIsNotHandled) {
  std::atomic<int> calls{0};
  std::atomic<bool> go_on{false};
  ASSERT_TRUE(orders_.publish("a", "first"));
  ASSERT_TRUE(orders_.publish("a", "second"));
  faults_.before(Operation::kExtend, [](const Call&) { return Fault::fail(ErrorCode::kLeaseLost); });
  Subscriber mailer(*broker_, {.stream = "orders", .name = "mailer", .ack_wait = 300ms});
  Seen seen;
  BackgroundRun run(mailer, [&](ReceivedMessage message) {
    ++calls;
    while (!go_on) leat::sleep_for(real_clock(), 1ms, {});
    seen.add(message.payload() + std::to_string(message.deliveries()));
    message.ack();
  });
  EXPECT_TRUE(eventually([&] { return calls == 1 && faults_.calls(Operation::kExtend) >= 2; }));
  faults_.clear();
  go_on = true;
  EXPECT_TRUE(eventually([&] { return unsettled() == 0 && seen.size() >= 2; }));
  const auto all = seen.all();
  EXPECT_EQ(std::count(all.begin(), all.end(), "second1"), 0);  // its lease was gone while it waited
}

TEST_F(EndingWithFaults, StartAndStopAtAnyTime) {
  for (int i = 0; i < 50; ++i) orders_.publish("a", "x").value();
  for (int round = 0; round < 40; ++round) {
    Subscriber mailer(*broker_, {.stream = "orders", .name = "mailer", .filters = {"orders.a", "orders.b"}});
    std::atomic<int> calls{0};
    std::optional<BackgroundRun> run;
    run.emplace(
        mailer,
        [&](ReceivedMessage message) {
          if (++calls % 2 == 0) message.ack();
        },
        RunOptions{.concurrency = 3});
    const Thread starter = start_thread("start", [&](const std::stop_token&) { static_cast<void>(mailer.start()); });
    const Thread stopper = start_thread("stop", [&](const std::stop_token&) { mailer.stop(); });
    EXPECT_TRUE(eventually([&] { return round % 2 == 1 || calls > 3 || run->ended(); }));
    EXPECT_TRUE(run->stop());
    orders_.publish("a", "x").value();
  }
}

}  // namespace
}  // namespace leat::test
