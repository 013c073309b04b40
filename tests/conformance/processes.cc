// Other processes on the same storage, also ones that are killed.
#include <signal.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/conformance/children.h"
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Processes : public Conformance {
 protected:
  bool other_processes() { return !fixture().address().empty(); }
  std::unique_ptr<ChildProcess> start(const std::string& role) { return start_child(role, fixture().address()); }
};
LEAT_ON_EVERY_BROKER(Processes);

TEST_P(Processes, ShareTheWorkEachMessageOnce) {
  LEAT_NEEDS(other_processes());
  ensure_work_queue();
  append_numbers("work", "work.a", 200);
  // The subscription's ack_wait is long: a process that is slow to start takes nothing twice.
  open_workers("work", 60s);
  std::vector<std::unique_ptr<ChildProcess>> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(start("work"));
  std::map<std::string, int> seen;
  for (const auto& worker : workers) {
    while (const auto line = worker->read_line(30s)) ++seen[*line];
    EXPECT_EQ(worker->wait(), 0);
  }
  EXPECT_EQ(seen.size(), 200u);
  for (const auto& [payload, count] : seen) EXPECT_EQ(count, 1) << payload;
}

TEST_P(Processes, WhatAKilledAppenderReportedIsThere) {
  LEAT_NEEDS(other_processes());
  ensure_work_queue();
  std::vector<std::string> reported;
  for (int round = 0; round < 3; ++round) {
    auto appender = start("append");
    for (int i = 0; i < 40 + 20 * round; ++i) {
      const auto line = appender->read_line();
      ASSERT_TRUE(line);
      reported.push_back(*line);
    }
    appender->send_signal(SIGKILL);
    while (const auto line = appender->read_line()) reported.push_back(*line);
    appender->wait();
    reopen();
  }
  const auto all = payloads(read_all({.stream = "work"}));
  const std::set<std::string> stored(all.begin(), all.end());
  EXPECT_EQ(stored.size(), all.size()) << "a message was stored twice";
  for (const std::string& payload : reported) EXPECT_TRUE(stored.contains(payload)) << payload;
}

TEST_P(Processes, LeasesOfAKilledProcessComeBackAfterAckWait) {
  LEAT_NEEDS(other_processes());
  ensure_work_queue();
  append_numbers("work", "work.a", 10);
  auto consumer = open_workers("work", 1s);
  const SteadyTime before = now();
  auto holder = start("hold");
  std::vector<std::string> held;
  for (auto line = holder->read_line(); line != "holding"; line = holder->read_line()) {
    ASSERT_TRUE(line);
    held.push_back(*line);
  }
  holder->send_signal(SIGKILL);
  holder->wait();
  ASSERT_FALSE(held.empty());
  std::map<std::string, std::uint32_t> counts;
  EXPECT_TRUE(eventually([&] {
    const auto fetched = fetch_once(*consumer, 10, 200ms);
    for (const Delivery& delivery : fetched) {
      std::uint32_t& most = counts[delivery.message.payload];
      most = std::max(most, delivery.lease.delivery_count);
    }
    return counts.size() == 10;
  }));
  EXPECT_GE(now() - before, 1s - kClockGrain);
  for (const std::string& payload : held) EXPECT_GE(counts[payload], 2u) << payload;
}

TEST_P(Processes, EverythingIsThereAfterReopening) {
  LEAT_NEEDS(other_processes());
  ensure_work_queue();
  ensure_limits();
  append_numbers("work", "work.a", 3);
  store("events", {.message = {.subject = "events.a"}, .message_id = "one"}).value();
  const std::uint64_t revision = broker().open_bucket({.name = "bucket"}).value()->put("key", "value").value();
  auto consumer = open_workers("work", 60s);
  const auto held = fetch(*consumer, 2);
  ASSERT_OK(settle(*consumer, held.at(0), Verdict::kDone));
  consumer.reset();
  reopen();
  EXPECT_EQ(payloads(read_all({.stream = "work"})), (std::vector<std::string>{"1", "2"}));
  EXPECT_TRUE(store("events", {.message = {.subject = "events.a"}, .message_id = "one"}).value().duplicate);
  EXPECT_EQ(broker().open_bucket({.name = "bucket"}).value()->get("key").value()->revision, revision);
  consumer = open_workers("work", 60s);
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"2"}));
  EXPECT_TRUE(nothing_comes(*consumer));
  EXPECT_OK(settle(*consumer, held.at(1), Verdict::kDone));
  EXPECT_EQ(admin().stream("work").value().messages, 1u);
}

}  // namespace
}  // namespace leat::test
