// Receiving: how a fetch waits, and who receives what.
#include <algorithm>
#include <atomic>
#include <map>

#include "core/mutex.h"
#include "core/thread.h"
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Fetch : public Conformance {
 protected:
  // A consumer of its own broker object, where the kind of broker has such.
  struct Receiver {
    std::shared_ptr<Broker> broker;
    std::unique_ptr<Consumer> consumer;
  };
  Receiver open_receiver(const ConsumerConfig& config) {
    auto other = open_another();
    auto consumer = other->open_consumer(config).value();
    return {std::move(other), std::move(consumer)};
  }
  // An old server is silent about it, so that it takes a while to notice.
  void expect_not_found(Consumer& consumer) {
    Result<std::vector<Delivery>> fetched = std::vector<Delivery>{};
    const bool manual = fixture().manual_clock() != nullptr;
    EXPECT_TRUE(eventually([&] {
      fetched = consumer.fetch({.max_wait = manual ? 0ms : 1000ms}, {});
      return !fetched;
    }));
    EXPECT_CODE(fetched, ErrorCode::kNotFound);
  }
  // Receives and settles in several threads until `total` were received; how often each payload came.
  std::map<std::string, int> receive_all(std::vector<Consumer*> consumers, std::size_t total);
};
LEAT_ON_EVERY_BROKER(Fetch);

std::map<std::string, int> Fetch::receive_all(std::vector<Consumer*> consumers, std::size_t total) {
  Mutex mutex;
  std::map<std::string, int> seen;
  std::atomic<std::size_t> received = 0;
  std::stop_source enough;
  const auto receive = [&](std::size_t i, const std::stop_token&) {
    while (!enough.stop_requested()) {
      const auto fetched = consumers[i]->fetch({.max_count = 7, .max_wait = 30s, .ahead = i % 3}, enough.get_token());
      std::vector<Settlement> settlements;
      MutexLock lock(mutex);
      for (const Delivery& delivery : fetched.value()) {
        ++seen[delivery.message.payload];
        settlements.push_back({.lease = delivery.lease});
      }
      for (const auto& settled : consumers[i]->settle(settlements)) EXPECT_OK(settled);
      received += settlements.size();
      if (received >= total) enough.request_stop();
    }
  };
  ThreadPool receivers("receive", consumers.size(), receive);
  eventually([&] { return enough.stop_requested(); });
  enough.request_stop();
  receivers.stop();
  return seen;
}

TEST_P(Fetch, DeliversWhatWasAppended) {
  ensure_work_queue();
  AppendRequest request{.message = {.subject = "work.a", .headers = {}, .payload = "payload"}};
  request.message.headers.set("name", "value");
  store("work", request).value();
  auto consumer = open_workers("work");
  const auto fetched = fetch(*consumer, 1);
  ASSERT_EQ(fetched.size(), 1u);
  EXPECT_EQ(fetched[0].message.subject, "work.a");
  EXPECT_EQ(fetched[0].message.headers.get("name"), "value");
  EXPECT_EQ(fetched[0].message.payload, "payload");
  EXPECT_EQ(fetched[0].message.sequence, 1u);
  EXPECT_EQ(fetched[0].message.time, present(admin().read("work", 1)).time);
  EXPECT_EQ(fetched[0].lease.sequence, 1u);
  EXPECT_EQ(fetched[0].lease.delivery_count, 1u);
}

TEST_P(Fetch, OldestFirst) {
  ensure_work_queue();
  append_numbers("work", "work.a", 100);
  auto consumer = open_workers("work");
  EXPECT_EQ(payloads(fetch(*consumer, 100)), numbers(100));
}

TEST_P(Fetch, EmptyAfterTheWait) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  const SteadyTime before = now();
  EXPECT_TRUE(fetch_once(*consumer, 10, 200ms).empty());
  EXPECT_GE(now() - before, 200ms - kClockGrain);
  EXPECT_LT(now() - before, kPatience);
}

TEST_P(Fetch, NoWaitReturnsWhatIsThere) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  auto consumer = open_workers("work");
  std::vector<std::string> seen;
  ASSERT_TRUE(eventually([&] {
    const auto fetched = consumer->fetch({.max_count = 10, .max_wait = 0ms}, {}).value();
    for (const std::string& payload : payloads(fetched)) seen.push_back(payload);
    return seen.size() == 3;
  }));
  EXPECT_TRUE(consumer->fetch({.max_count = 10, .max_wait = 0ms}, {}).value().empty());
}

TEST_P(Fetch, NeverWaitsToFill) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  auto consumer = open_workers("work");
  std::vector<std::string> seen;
  const SteadyTime before = real_clock().steady();
  while (seen.size() < 3) {
    const auto fetched = consumer->fetch({.max_count = 10, .max_wait = 60s}, {}).value();
    for (const std::string& payload : payloads(fetched)) seen.push_back(payload);
  }
  EXPECT_EQ(seen, numbers(3));
  EXPECT_LT(real_clock().steady() - before, kPatience);
}

TEST_P(Fetch, NeverMoreThanAskedFor) {
  ensure_work_queue();
  append_numbers("work", "work.a", 30);
  auto consumer = open_workers("work");
  std::vector<std::string> seen;
  while (seen.size() < 30) {
    const auto fetched = fetch_once(*consumer, 7, kPatience);
    ASSERT_FALSE(fetched.empty());
    EXPECT_LE(fetched.size(), 7u);
    for (const std::string& payload : payloads(fetched)) seen.push_back(payload);
  }
  EXPECT_EQ(seen, numbers(30));
}

TEST_P(Fetch, CountsOutOfRangeAreRefused) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  EXPECT_CODE(consumer->fetch({.max_count = 0}, {}), ErrorCode::kInvalidArgument);
  EXPECT_CODE(consumer->fetch({.max_count = 10'001}, {}), ErrorCode::kInvalidArgument);
}

TEST_P(Fetch, LargestCountIsAllowed) {
  ensure_work_queue();
  append_numbers("work", "work.a", 2'000);
  auto consumer = open_workers("work");
  std::vector<std::string> seen;
  while (seen.size() < 2'000) {
    const auto fetched = fetch_once(*consumer, 10'000, kPatience);
    ASSERT_FALSE(fetched.empty());
    for (const std::string& payload : payloads(fetched)) seen.push_back(payload);
  }
  EXPECT_EQ(seen, numbers(2'000));
}

TEST_P(Fetch, StopEndsTheWaitAtOnce) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  std::stop_source stop;
  std::atomic<bool> began = false;
  std::atomic<bool> ended = false;
  const auto waiter = start_thread("waiter", [&](const std::stop_token&) {
    began = true;
    EXPECT_TRUE(consumer->fetch({.max_wait = 60s}, stop.get_token()).value().empty());
    ended = true;
  });
  ASSERT_TRUE(eventually([&] { return began.load(); }));
  sleep_for(real_clock(), 50ms, {});  // so that it usually waits already; passes either way
  EXPECT_FALSE(ended);
  const SteadyTime before = real_clock().steady();
  stop.request_stop();
  ASSERT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_LT(real_clock().steady() - before, 5s);
}

TEST_P(Fetch, StoppedBeforeItBeginsIsEmpty) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  std::stop_source stop;
  stop.request_stop();
  const SteadyTime before = real_clock().steady();
  EXPECT_TRUE(consumer->fetch({.max_wait = 60s}, stop.get_token()).value().empty());
  EXPECT_LT(real_clock().steady() - before, kPatience);
}

TEST_P(Fetch, WakesOnAnAppendByAnotherBrokerObject) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  auto other = open_another();
  const AppendRequest request{.message = {.subject = "work.a"}};
  // The quickest of several rounds counts: one of them may be held up by the machine.
  auto quickest = Duration::max();
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> began = false;
    SteadyTime received;
    auto waiter = start_thread("waiter", [&](const std::stop_token&) {
      began = true;
      EXPECT_EQ(consumer->fetch({.max_wait = 60s}, {}).value().size(), 1u);
      received = real_clock().steady();
    });
    ASSERT_TRUE(eventually([&] { return began.load(); }));
    sleep_for(real_clock(), 50ms, {});
    const SteadyTime before = real_clock().steady();
    other->append("work", {&request, 1}).at(0).value();
    waiter.join();
    quickest = std::min(quickest, received - before);
  }
  EXPECT_LT(quickest, 1s);
}

TEST_P(Fetch, SeveralThreadsOnOneConsumerReceiveEachMessageOnce) {
  ensure_work_queue();
  append_numbers("work", "work.a", 300);
  auto consumer = open_workers("work");
  const auto seen = receive_all({consumer.get(), consumer.get(), consumer.get(), consumer.get()}, 300);
  EXPECT_EQ(seen.size(), 300u);
  for (const auto& [payload, count] : seen) EXPECT_EQ(count, 1) << payload;
}

TEST_P(Fetch, SeveralBrokersReceiveEachMessageOnce) {
  ensure_work_queue();
  append_numbers("work", "work.a", 300);
  std::vector<Receiver> receivers;
  std::vector<Consumer*> consumers;
  for (int i = 0; i < 3; ++i) {
    receivers.push_back(open_receiver({.stream = "work", .name = "workers"}));
    consumers.push_back(receivers.back().consumer.get());
  }
  const auto seen = receive_all(consumers, 300);
  EXPECT_EQ(seen.size(), 300u);
  for (const auto& [payload, count] : seen) EXPECT_EQ(count, 1) << payload;
}

TEST_P(Fetch, TwoSubscriptionsOfALimitsStreamEachSeeEverything) {
  ensure_limits();
  append_numbers("events", "events.a", 20);
  for (const std::string name : {"one", "two"}) {
    auto consumer = open_consumer({.stream = "events", .name = name});
    const auto fetched = fetch(*consumer, 20);
    EXPECT_EQ(payloads(fetched), numbers(20)) << name;
    for (const Delivery& delivery : fetched) EXPECT_OK(settle(*consumer, delivery, Verdict::kDone));
    EXPECT_TRUE(nothing_comes(*consumer));
  }
}

TEST_P(Fetch, ClosingGivesBackWhatWasHeldAhead) {
  ensure_work_queue();
  append_numbers("work", "work.a", 20);
  auto consumer = open_workers("work", 60s);
  const auto first = consumer->fetch({.max_count = 1, .max_wait = 10s, .ahead = 10}, {}).value();
  ASSERT_EQ(payloads(first), numbers(1));
  consumer.reset();
  auto next = open_workers("work", 60s);
  const SteadyTime before = now();
  std::vector<std::string> rest = payloads(fetch(*next, 19));
  EXPECT_LT(now() - before, 60s);
  std::sort(rest.begin(), rest.end());
  auto wanted = numbers(20);
  wanted.erase(wanted.begin());
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(rest, wanted);
  EXPECT_TRUE(nothing_comes(*next));
}

TEST_P(Fetch, ReleaseGivesBackWhatIsAheadAndKeepsWhatWasReturned) {
  ensure_work_queue();
  append_numbers("work", "work.a", 20);
  auto consumer = open_workers("work", 60s);
  const auto first = consumer->fetch({.max_count = 1, .max_wait = 10s, .ahead = 10}, {}).value();
  ASSERT_EQ(first.size(), 1u);
  consumer->release_ahead();
  auto next = open_workers("work", 60s);
  EXPECT_EQ(fetch(*next, 19).size(), 19u);
  EXPECT_OK(consumer->extend({&first[0].lease, 1}).at(0));
  EXPECT_OK(settle(*consumer, first[0], Verdict::kDone));
  EXPECT_TRUE(nothing_comes(*next));
  EXPECT_EQ(admin().stream("work").value().messages, 19u);
}

// Whoever holds it ahead stood still, and did not renew it.
TEST_P(Fetch, WhatWasHeldAheadLongerThanItsLeaseIsNotReturned) {
  ensure_work_queue();
  append_numbers("work", "work.a", 10);
  auto consumer = open_workers("work", 500ms);
  ASSERT_EQ(consumer->fetch({.max_count = 1, .max_wait = 10s, .ahead = 10}, {}).value().size(), 1u);
  auto other = open_workers("work", 500ms);
  std::set<std::string> with_other;
  while (with_other.size() < 10) {
    for (const Delivery& delivery : fetch(*other, 1)) {
      with_other.insert(delivery.message.payload);
      EXPECT_OK(settle(*other, delivery, Verdict::kDone));
    }
  }
  pass(500ms);
  EXPECT_TRUE(nothing_comes(*consumer));
}

TEST_P(Fetch, NotFoundOnceTheSubscriptionOrItsStreamIsDeleted) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  ASSERT_OK(admin().delete_consumer("work", "workers"));
  expect_not_found(*consumer);
  consumer = open_workers("work");
  EXPECT_TRUE(nothing_comes(*consumer));
  ASSERT_OK(admin().delete_stream("work"));
  expect_not_found(*consumer);
}

TEST_P(Fetch, DeletingTheSubscriptionEndsAWaitingFetch) {
  ensure_work_queue();
  auto consumer = open_workers("work");
  std::atomic<bool> ended = false;
  std::stop_source stop;
  const auto waiter = start_thread("waiter", [&](const std::stop_token&) {
    const auto fetched = consumer->fetch({.max_wait = 60s}, stop.get_token());
    EXPECT_TRUE(stop.stop_requested() || code_of(fetched) == to_string(ErrorCode::kNotFound));
    ended = true;
  });
  sleep_for(real_clock(), 50ms, {});
  ASSERT_OK(open_another()->admin().delete_consumer("work", "workers"));
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
  stop.request_stop();
}

}  // namespace
}  // namespace leat::test
