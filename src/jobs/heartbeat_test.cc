// What a worker says of itself, and when.
#include "jobs/heartbeat.h"

#include <gtest/gtest.h>

#include "broker/fault_broker.h"
#include "jobs/job_streams.h"
#include "leat/leat.h"
#include "leat/manual_clock.h"
#include "leat/memory_broker.h"
#include "tests/support/comes_true.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

class HeartbeatTest : public testing::Test {
 protected:
  std::optional<WorkerInfo::State> state_seen() {
    const auto workers = Inspector(*broker_).workers();
    if (!workers || workers->size() != 1) return std::nullopt;
    return workers->front().state;
  }
  bool comes_to(WorkerInfo::State state) {
    return comes_true([&] { return state_seen() == state; });
  }

  bool passes_until(WorkerInfo::State state) {
    return comes_true([&] {
      if (state_seen() == state) return true;
      clock_.advance(100ms);
      return false;
    });
  }

  ManualClock clock_;
  Faults faults_;
  std::unique_ptr<Broker> broker_ = make_fault_broker(open_memory_broker({.clock = &clock_}), faults_);
};

TEST_F(HeartbeatTest, AWorkerWithNothingNewIsHeardOfEveryFifteenSeconds) {
  auto records = open_workers(*broker_, Names({.name = "leat"})).value();
  Heartbeat heartbeat({clock_, no_log(), "id", [] { return WorkerInfo{.name = "w"}; }},
                      open_workers(*broker_, Names({.name = "leat"})).value());
  heartbeat.start();
  std::vector<SystemTime> written;
  ASSERT_TRUE(comes_true([&] {
    const SystemTime last = records->get("id").value()->time;
    if (written.empty() || written.back() != last) written.push_back(last);
    clock_.advance(clock_.now() < last + 16s ? 100ms : 1ms);  // its thread may be late
    return written.size() == 4;
  }));
  for (std::size_t i = 1; i < written.size(); ++i) {
    EXPECT_GE(written[i] - written[i - 1], 15s);
    EXPECT_LE(written[i] - written[i - 1], 30s);
  }
  heartbeat.stop();
  EXPECT_FALSE(records->get("id").value());
}

TEST_F(HeartbeatTest, AWorkerThatIsCutOffIsGoneAfterAMinute) {
  Worker worker(*broker_, {.concurrency = 1, .scheduler = false});
  worker.handle("job", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(comes_to(WorkerInfo::State::kIdle));
  faults_.before(Operation::kKeyWrite, [](const Call&) { return Fault::fail(); });
  clock_.advance(59s);
  EXPECT_EQ(state_seen(), WorkerInfo::State::kIdle);
  clock_.advance(2s);
  EXPECT_EQ(state_seen(), std::nullopt);
  faults_.clear();
}

TEST_F(HeartbeatTest, AWorkerTellsThatItStartsRunsAndStops) {
  ASSERT_TRUE(Queue(*broker_).push(EncodedJob{"job", "x", {}}));
  Worker worker(*broker_, {.concurrency = 1, .ack_wait = 1h, .grace = 1h, .scheduler = false});
  std::atomic<bool> go_on{false};
  worker.handle("job", [&](JobContext&) {
    comes_true([&] { return go_on.load(); });
    return Outcome::done();
  });
  faults_.before(Operation::kOpenConsumer, [](const Call&) { return Fault::freeze(); });
  Thread starting = start_thread("starting", [&](const std::stop_token&) { EXPECT_TRUE(worker.start()); });
  EXPECT_TRUE(faults_.wait_frozen(1, 30s));
  EXPECT_EQ(state_seen(), WorkerInfo::State::kStarting);
  faults_.clear();
  faults_.release();
  starting.join();
  ASSERT_TRUE(comes_true([&] { return worker.counts().running == 1; }));
  EXPECT_TRUE(passes_until(WorkerInfo::State::kBusy));
  const Thread stopping = start_thread("stopping", [&](const std::stop_token&) { worker.stop(); });
  EXPECT_TRUE(passes_until(WorkerInfo::State::kStopping));
  go_on = true;
  EXPECT_TRUE(comes_true([&] { return state_seen() == std::nullopt; }));
}

TEST_F(HeartbeatTest, AWorkerThatCouldNotStartIsNotSeen) {
  Worker worker(*broker_, {.concurrency = 1, .scheduler = false});
  worker.handle("job", [](JobContext&) { return Outcome::done(); });
  faults_.next(Operation::kOpenConsumer, Fault::fail());
  EXPECT_FALSE(worker.start());
  EXPECT_EQ(state_seen(), std::nullopt);
  EXPECT_TRUE(worker.start());
  EXPECT_EQ(state_seen(), WorkerInfo::State::kIdle);
}

}  // namespace
}  // namespace leat::test
