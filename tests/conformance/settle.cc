// Ending leases: done, dead, retried, expired, extended, lost.
#include <algorithm>

#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Settle : public Conformance {
 protected:
  Delivery fetch_one(Consumer& consumer) { return fetch(consumer, 1).at(0); }
  Result<void> extend(Consumer& consumer, const Delivery& delivery) {
    return consumer.extend({&delivery.lease, 1}).at(0);
  }
};
LEAT_ON_EVERY_BROKER(Settle);

TEST_P(Settle, DoneEndsIt) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work", kShortLease);
  ASSERT_OK(settle(*consumer, fetch_one(*consumer), Verdict::kDone));
  pass(2 * kShortLease);
  EXPECT_TRUE(nothing_comes(*consumer));
  EXPECT_EQ(admin().stream("work").value().messages, 0u);
}

TEST_P(Settle, DeadEndsIt) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work", kShortLease);
  ASSERT_OK(settle(*consumer, fetch_one(*consumer), Verdict::kDead));
  pass(2 * kShortLease);
  EXPECT_TRUE(nothing_comes(*consumer));
  EXPECT_EQ(admin().stream("work").value().messages, 0u);
}

TEST_P(Settle, UnconfirmedIsProcessedSoon) {
  ensure_work_queue();
  append_numbers("work", "work.a", 100);
  auto consumer = open_workers("work");
  std::vector<Settlement> settlements;
  for (const Delivery& delivery : fetch(*consumer, 100)) settlements.push_back({.lease = delivery.lease});
  const auto results = consumer->settle(settlements);
  ASSERT_EQ(results.size(), 100u);
  for (const auto& result : results) EXPECT_OK(result);
  EXPECT_TRUE(eventually([&] { return admin().stream("work").value().messages == 0; }));
}

TEST_P(Settle, EmptyBatchesDoNothing) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  EXPECT_TRUE(consumer->settle({}).empty());
  EXPECT_TRUE(consumer->extend({}).empty());
}

TEST_P(Settle, BatchOfMixedVerdicts) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  auto consumer = open_workers("work");
  const auto held = fetch(*consumer, 3);
  const std::vector<Settlement> settlements{
      {.lease = held.at(0).lease, .verdict = Verdict::kDone, .confirm = true},
      {.lease = held.at(1).lease, .verdict = Verdict::kRetry, .confirm = true},
      {.lease = held.at(2).lease, .verdict = Verdict::kDead, .confirm = true},
  };
  for (const auto& result : consumer->settle(settlements)) EXPECT_OK(result);
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
  EXPECT_TRUE(nothing_comes(*consumer));
}

TEST_P(Settle, RetryAtOnceComesBackAndCountsUp) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work");
  for (std::uint32_t count = 1; count <= 4; ++count) {
    const Delivery delivery = fetch_one(*consumer);
    EXPECT_EQ(delivery.lease.delivery_count, count);
    EXPECT_EQ(delivery.lease.sequence, 1u);
    ASSERT_OK(settle(*consumer, delivery, Verdict::kRetry));
  }
}

TEST_P(Settle, RetryComesBackToAnotherBrokerObject) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work");
  auto other = open_another();
  auto other_consumer = other->open_consumer({.stream = "work", .name = "workers"}).value();
  ASSERT_OK(settle(*consumer, fetch_one(*consumer), Verdict::kRetry));
  EXPECT_EQ(fetch_one(*other_consumer).lease.delivery_count, 2u);
}

TEST_P(Settle, RetryIsNotDueBeforeItsDelay) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work");
  for (const Duration delay : {Duration(300ms), Duration(700ms)}) {
    const Delivery delivery = fetch_one(*consumer);
    const SteadyTime before = now();
    ASSERT_OK(settle(*consumer, delivery, Verdict::kRetry, delay));
    fetch_one(*consumer);
    const Duration waited = now() - before;
    EXPECT_GE(waited, delay - kClockGrain);
    EXPECT_LT(waited, delay + 8s);
    consumer = open_workers("work");
    const auto facts = admin().consumers("work").value();
    ASSERT_EQ(facts.size(), 1u);
    EXPECT_EQ(facts[0].unsettled, 1u);
    ASSERT_EQ(admin().purge("work", ">").value(), 1u);
    append("work", "work.a");
  }
}

TEST_P(Settle, WaitingRetryDoesNotHoldUpFreshMessages) {
  ensure_work_queue();
  append("work", "work.a", "first");
  auto consumer = open_workers("work");
  ASSERT_OK(settle(*consumer, fetch_one(*consumer), Verdict::kRetry, 1h));
  append("work", "work.a", "second");
  EXPECT_EQ(fetch_one(*consumer).message.payload, "second");
  EXPECT_TRUE(nothing_comes(*consumer));
}

TEST_P(Settle, DifferentDelaysComeBackInTheirOrder) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  auto consumer = open_workers("work");
  const auto held = fetch(*consumer, 3);
  ASSERT_OK(settle(*consumer, held.at(1), Verdict::kRetry, 100ms));
  ASSERT_OK(settle(*consumer, held.at(2), Verdict::kRetry, 700ms));
  ASSERT_OK(settle(*consumer, held.at(0), Verdict::kRetry, 2s));
  std::vector<std::string> order;
  while (order.size() < 3) order.push_back(fetch_one(*consumer).message.payload);
  EXPECT_EQ(order, (std::vector<std::string>{"1", "2", "0"}));
}

TEST_P(Settle, RedeliveredComesBeforeNew) {
  ensure_work_queue();
  append_numbers("work", "work.a", 10);
  auto consumer = open_workers("work");
  const auto held = fetch(*consumer, 3);
  for (const Delivery& delivery : held) ASSERT_OK(settle(*consumer, delivery, Verdict::kRetry));
  auto next = payloads(fetch(*consumer, 3));
  std::sort(next.begin(), next.end());
  EXPECT_EQ(next, numbers(3));
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"3"}));
}

TEST_P(Settle, ExpiredLeaseComesBack) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work", kShortLease);
  const SteadyTime before = now();
  EXPECT_EQ(fetch_one(*consumer).lease.delivery_count, 1u);
  EXPECT_EQ(fetch_one(*consumer).lease.delivery_count, 2u);
  EXPECT_GE(now() - before, kShortLease - kClockGrain);
  EXPECT_EQ(fetch_one(*consumer).lease.delivery_count, 3u);
  EXPECT_GE(now() - before, 2 * kShortLease - 2 * kClockGrain);
}

TEST_P(Settle, ExtensionKeepsALease) {
  ensure_work_queue();
  auto consumer = open_workers("work", kShortLease);
  EXPECT_EQ(consumer->ack_wait(), kShortLease);
  // A machine that is slower than the lease proves nothing: then with the next message again.
  for (int round = 0; round < 5; ++round) {
    append("work", "work.a");
    const Delivery delivery = fetch_one(*consumer);
    const SteadyTime until = now() + 3 * kShortLease;
    bool lost = false;
    while (now() < until && !lost) {
      const SteadyTime extending = now();
      lost = !extend(*consumer, delivery);
      const auto again = fetch_once(*consumer, 1, kShortLease / 6);
      if (!again.empty()) {
        ASSERT_GE(now() - extending, kShortLease - kClockGrain) << "came back while its lease was on";
        lost = true;
      }
    }
    ASSERT_EQ(admin().purge("work", ">").value(), 1u);
    if (!lost) return;
  }
  FAIL() << "no lease could be kept in five rounds";
}

TEST_P(Settle, ExtensionLastsOneWholeLeaseFromNow) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work", 5 * kShortLease);
  const Delivery delivery = fetch_one(*consumer);
  pass(kShortLease);
  const SteadyTime extended = now();
  if (!extend(*consumer, delivery)) GTEST_FAIL() << "the lease was lost early";
  EXPECT_EQ(fetch_one(*consumer).lease.delivery_count, 2u);
  EXPECT_GE(now() - extended, 5 * kShortLease - kClockGrain);
}

TEST_P(Settle, ExistingSubscriptionKeepsItsAckWait) {
  ensure_work_queue();
  EXPECT_EQ(open_workers("work", kShortLease)->ack_wait(), kShortLease);
  EXPECT_EQ(open_workers("work", 30s)->ack_wait(), kShortLease);
}

TEST_P(Settle, LateSettlementOfALeaseThatNobodyTookStillActs) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work", kShortLease);
  const Delivery delivery = fetch_one(*consumer);
  pass(2 * kShortLease);
  EXPECT_OK(settle(*consumer, delivery, Verdict::kDone));
  EXPECT_EQ(admin().stream("work").value().messages, 0u);
}

TEST_P(Settle, SettlingTwiceChangesNothing) {
  ensure_work_queue();
  append_numbers("work", "work.a", 2);
  auto consumer = open_workers("work");
  const Delivery delivery = fetch_one(*consumer);
  ASSERT_OK(settle(*consumer, delivery, Verdict::kDone));
  const auto again = settle(*consumer, delivery, Verdict::kDone);
  if (capabilities().fenced_settle) {
    EXPECT_CODE(again, ErrorCode::kLeaseLost);
  } else {
    EXPECT_OK(again);
  }
  EXPECT_EQ(admin().stream("work").value().messages, 1u);
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
}

TEST_P(Settle, LostLeaseCannotBeSettled) {
  LEAT_NEEDS(capabilities().fenced_settle);
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work", kShortLease);
  const Delivery first = fetch_one(*consumer);
  const Delivery second = fetch_one(*consumer);
  for (const Verdict verdict : {Verdict::kDone, Verdict::kRetry, Verdict::kDead}) {
    EXPECT_CODE(settle(*consumer, first, verdict), ErrorCode::kLeaseLost);
  }
  EXPECT_CODE(extend(*consumer, first), ErrorCode::kLeaseLost);
  EXPECT_EQ(admin().stream("work").value().messages, 1u);
  EXPECT_OK(settle(*consumer, second, Verdict::kDone));
}

TEST_P(Settle, LeaseOfAWaitingRetryIsLost) {
  LEAT_NEEDS(capabilities().fenced_settle);
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work");
  const Delivery delivery = fetch_one(*consumer);
  ASSERT_OK(settle(*consumer, delivery, Verdict::kRetry, 1h));
  EXPECT_CODE(settle(*consumer, delivery, Verdict::kDone), ErrorCode::kLeaseLost);
  EXPECT_CODE(extend(*consumer, delivery), ErrorCode::kLeaseLost);
}

TEST_P(Settle, AnotherConsumerObjectMaySettle) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work");
  const Delivery delivery = fetch_one(*consumer);
  auto other = open_workers("work");
  EXPECT_OK(settle(*other, delivery, Verdict::kDone));
  EXPECT_EQ(admin().stream("work").value().messages, 0u);
}

TEST_P(Settle, LeasesOutliveTheConsumerObject) {
  ensure_work_queue();
  append("work", "work.a");
  auto consumer = open_workers("work", kShortLease);
  const SteadyTime before = now();
  fetch_one(*consumer);
  consumer.reset();
  consumer = open_workers("work", kShortLease);
  EXPECT_EQ(fetch_one(*consumer).lease.delivery_count, 2u);
  EXPECT_GE(now() - before, kShortLease - kClockGrain);
}

TEST_P(Settle, LimitsStreamSettlesEachSubscriptionAlone) {
  ensure_limits();
  append("events", "events.a");
  auto one = open_consumer({.stream = "events", .name = "one"});
  auto two = open_consumer({.stream = "events", .name = "two"});
  ASSERT_OK(settle(*one, fetch_one(*one), Verdict::kDone));
  const Delivery delivery = fetch_one(*two);
  EXPECT_EQ(delivery.lease.delivery_count, 1u);
  ASSERT_OK(settle(*two, delivery, Verdict::kRetry));
  EXPECT_EQ(fetch_one(*two).lease.delivery_count, 2u);
  EXPECT_TRUE(nothing_comes(*one));
}

}  // namespace
}  // namespace leat::test
