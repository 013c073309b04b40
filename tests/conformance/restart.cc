// A server that is stopped and started under its clients.
#include <atomic>
#include <map>
#include <set>

#include "core/mutex.h"
#include "core/thread.h"
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

using Shutdown = BrokerFixture::Shutdown;

class Restart : public Conformance {
 protected:
  void restart(Shutdown how) {
    fixture().stop_server(how);
    fixture().start_server();
  }
};
LEAT_ON_EVERY_BROKER(Restart);

TEST_P(Restart, KeepsEverything) {
  LEAT_NEEDS(fixture().has_server());
  ensure_work_queue();
  append_numbers("work", "work.a", 5);
  auto consumer = open_workers("work", 60s);
  ASSERT_OK(settle(*consumer, fetch(*consumer, 1).at(0), Verdict::kDone));
  for (const Shutdown how : {Shutdown::kTerminate, Shutdown::kKill}) {
    restart(how);
    ASSERT_TRUE(eventually([&] { return admin().stream("work").has_value(); }));
    ASSERT_TRUE(eventually([&] { return store("work", {.message = {.subject = "work.a"}}).has_value(); }));
  }
  EXPECT_EQ(admin().stream("work").value().last_sequence, 7u);
  EXPECT_GE(admin().stream("work").value().messages, 6u);
}

// Those of messages that were settled it forgets (docs/guide/schedules.md).
TEST_P(Restart, RemembersTheIdsOfWhatIsThere) {
  LEAT_NEEDS(fixture().has_server());
  ensure_work_queue();
  const AppendRequest done{.message = {.subject = "work.done"}, .message_id = "done"};
  const AppendRequest there{.message = {.subject = "work.there"}, .message_id = "there"};
  store("work", done).value();
  store("work", there).value();
  auto consumer = open_consumer({.stream = "work", .name = "done", .filter = "work.done", .ack_wait = 60s});
  ASSERT_OK(settle(*consumer, fetch(*consumer, 1).at(0), Verdict::kDone));
  EXPECT_TRUE(store("work", done)->duplicate);
  for (const Shutdown how : {Shutdown::kTerminate, Shutdown::kKill}) {
    restart(how);
    ASSERT_TRUE(eventually([&] { return admin().stream("work").has_value(); }));
    EXPECT_TRUE(store("work", there).value().duplicate);
  }
  EXPECT_FALSE(store("work", done).value().duplicate);
}

TEST_P(Restart, WaitingFetchGoesOn) {
  LEAT_NEEDS(fixture().has_server());
  ensure_work_queue();
  auto consumer = open_workers("work");
  for (const Shutdown how : {Shutdown::kTerminate, Shutdown::kKill}) {
    std::atomic<bool> received = false;
    auto waiter = start_thread("waiter", [&](const std::stop_token& stop) {
      while (!stop.stop_requested() && !received) {
        const auto fetched = consumer->fetch({.max_wait = 60s}, stop);
        received = fetched && !fetched->empty();
        EXPECT_TRUE(fetched || fetched.error().code() == ErrorCode::kUnavailable);
      }
    });
    sleep_for(real_clock(), 100ms, {});
    restart(how);
    ASSERT_TRUE(eventually([&] { return store("work", {.message = {.subject = "work.a"}}).has_value(); }));
    EXPECT_TRUE(eventually([&] { return received.load(); }));
  }
}

// Each message that an append called stored is received, with the server stopped twice on the way.
TEST_P(Restart, UnderLoadDeliversEveryAcknowledgedMessage) {
  LEAT_NEEDS(fixture().has_server());
  ensure_work_queue();
  auto consumer = open_workers("work", 2s);
  Mutex mutex;
  std::set<std::string> acknowledged;
  std::set<std::string> received;
  std::stop_source appended_enough;
  std::stop_source received_enough;
  auto appender = start_thread("append", [&](const std::stop_token&) {
    for (int batch = 0; !appended_enough.stop_requested(); ++batch) {
      std::vector<AppendRequest> requests(20);
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const std::string id = std::to_string(batch) + "." + std::to_string(i);
        requests[i] = {.message = {.subject = "work.a", .headers = {}, .payload = id}, .message_id = id};
      }
      const auto results = broker().append("work", requests);
      MutexLock lock(mutex);
      for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i]) acknowledged.insert(requests[i].message.payload);
      }
    }
  });
  auto receiver = start_thread("receive", [&](const std::stop_token&) {
    while (!received_enough.stop_requested()) {
      const auto fetched = consumer->fetch({.max_count = 50, .max_wait = 200ms}, received_enough.get_token());
      if (!fetched) continue;
      std::vector<Settlement> settlements;
      for (const Delivery& delivery : *fetched) settlements.push_back({.lease = delivery.lease});
      for (const auto& settled : consumer->settle(settlements)) static_cast<void>(settled.has_value());
      MutexLock lock(mutex);
      for (const Delivery& delivery : *fetched) received.insert(delivery.message.payload);
    }
  });
  const auto count = [&] {
    MutexLock lock(mutex);
    return acknowledged.size();
  };
  for (const Shutdown how : {Shutdown::kTerminate, Shutdown::kKill}) {
    const std::size_t before = count();
    EXPECT_TRUE(eventually([&] { return count() >= before + 200; }));
    restart(how);
    const std::size_t after = count();
    EXPECT_TRUE(eventually([&] { return count() >= after + 200; }));
  }
  appended_enough.request_stop();
  appender.join();
  EXPECT_TRUE(eventually([&] {
    MutexLock lock(mutex);
    return std::includes(received.begin(), received.end(), acknowledged.begin(), acknowledged.end());
  }));
  received_enough.request_stop();
}

TEST_P(Restart, WatchMissesNothing) {
  LEAT_NEEDS(fixture().has_server());
  auto bucket = broker().open_bucket({.name = "bucket"}).value();
  ASSERT_OK(bucket->put("before", "1"));
  auto watch = bucket->watch("").value();
  std::map<std::string, std::string> seen;
  const auto follow = [&] {
    const auto entries = watch->next(50ms, {});
    if (!entries) return;
    for (const KeyEntry& entry : *entries) seen[entry.key] = entry.erased ? "erased" : entry.value;
  };
  ASSERT_TRUE(eventually([&] { return follow(), watch->caught_up(); }));
  for (const Shutdown how : {Shutdown::kTerminate, Shutdown::kKill}) {
    const std::string value = how == Shutdown::kTerminate ? "terminated" : "killed";
    fixture().stop_server(how);
    follow();
    fixture().start_server();
    ASSERT_TRUE(eventually([&] { return bucket->put("after", value).has_value(); }));
    EXPECT_TRUE(eventually([&] { return follow(), seen["after"] == value; }));
  }
  ASSERT_TRUE(eventually([&] { return bucket->erase("before").has_value(); }));
  EXPECT_TRUE(eventually([&] { return follow(), seen["before"] == "erased"; }));
}

TEST_P(Restart, AWatchWaitsNoLongerThanItWasTold) {
  LEAT_NEEDS(fixture().has_server());
  auto bucket = broker().open_bucket({.name = "bucket"}).value();
  ASSERT_OK(bucket->put("key", "1"));
  auto watch = bucket->watch("key").value();
  ASSERT_TRUE(eventually([&] { return static_cast<void>(watch->next(50ms, {})), watch->caught_up(); }));
  for (const Shutdown how : {Shutdown::kTerminate, Shutdown::kKill}) {
    std::atomic<bool> ended = false;
    auto waiter = start_thread("waiter", [&](const std::stop_token& stop) {
      static_cast<void>(watch->next(3s, stop).has_value());
      ended = true;
    });
    restart(how);
    EXPECT_TRUE(eventually([&] { return ended.load(); }));
  }
}

TEST_P(Restart, FollowingReaderGoesOn) {
  LEAT_NEEDS(fixture().has_server());
  ensure_limits();
  append("events", "events.a", "0");
  auto reader = broker().open_reader({.stream = "events", .follow = true}).value();
  std::vector<std::string> seen;
  const auto follow = [&] {
    const auto some = reader->read({.max_wait = 50ms}, {});
    if (!some) return;
    for (const std::string& payload : payloads(*some)) seen.push_back(payload);
  };
  ASSERT_TRUE(eventually([&] { return follow(), seen.size() == 1; }));
  int next = 1;
  for (const Shutdown how : {Shutdown::kTerminate, Shutdown::kKill}) {
    restart(how);
    const AppendRequest request{.message = {.subject = "events.a", .headers = {}, .payload = std::to_string(next)},
                                .message_id = std::to_string(next)};
    ASSERT_TRUE(eventually([&] { return store("events", request).has_value(); }));
    ++next;
    EXPECT_TRUE(eventually([&] { return follow(), seen.size() == static_cast<std::size_t>(next); }));
  }
  EXPECT_EQ(seen, numbers(3));
}

TEST_P(Restart, WithoutAServerCallsFailInTime) {
  LEAT_NEEDS(fixture().has_server());
  ensure_work_queue();
  auto consumer = open_workers("work");
  auto bucket = broker().open_bucket({.name = "bucket"}).value();
  fixture().stop_server(Shutdown::kKill);
  const SteadyTime before = now();
  const auto appended = store("work", {.message = {.subject = "work.a"}});
  ASSERT_FALSE(appended);
  const bool honest =
      appended.error().code() == ErrorCode::kUnavailable || appended.error().code() == ErrorCode::kUnknown;
  EXPECT_TRUE(honest) << code_of(appended);
  EXPECT_CODE(admin().stream("work"), ErrorCode::kUnavailable);
  EXPECT_CODE(bucket->get("key"), ErrorCode::kUnavailable);
  EXPECT_LT(now() - before, 80s);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(consumer->fetch({.max_wait = 60s}, stop.get_token()).value().empty());
  fixture().start_server();
  EXPECT_TRUE(eventually([&] { return store("work", {.message = {.subject = "work.a"}}).has_value(); }));
  EXPECT_TRUE(eventually([&] {
    const auto fetched = consumer->fetch({.max_wait = 100ms}, {});
    return fetched && !fetched->empty();
  }));
}

}  // namespace
}  // namespace leat::test
