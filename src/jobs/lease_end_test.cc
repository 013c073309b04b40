// Leases that end unnoticed by who renews them: it waits for an answer, or the whole worker was frozen.
#include <gtest/gtest.h>

#include <future>

#include "broker/fault_broker.h"
#include "leat/leat.h"
#include "leat/manual_clock.h"
#include "leat/memory_broker.h"
#include "tests/support/comes_true.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

TEST(LeaseEndTest, ARenewalThatHangsDoesNotKeepAHandlerFromBeingStoppedInTime) {
  ManualClock clock;
  Faults faults;
  const auto broker = make_fault_broker(open_memory_broker({.clock = &clock}), faults);
  ASSERT_TRUE(Queue(*broker).push(EncodedJob{"job", "x", {}}));
  Worker worker(*broker, {.concurrency = 1, .ack_wait = 12s, .grace = 0ms, .scheduler = false});
  std::atomic<bool> begun{false};
  std::atomic<bool> stopped{false};
  std::atomic<StopReason> reason{StopReason::kNone};
  worker.handle("job", [&](JobContext& job) {
    const std::stop_callback told(job.stop_token(), [&] { reason = job.stop_reason(); });
    begun = true;
    comes_true([&] { return job.stop_token().stop_requested(); });
    stopped = true;
    return Outcome::retry("stopped");
  });
  faults.before(Operation::kExtend, [](const Call&) { return Fault::freeze(); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(comes_true([&] { return begun.load(); }));
  clock.advance(4s);
  ASSERT_TRUE(faults.wait_frozen(1, 30s));
  clock.advance(5999ms);
  leat::sleep_for(real_clock(), 20ms, {});
  EXPECT_FALSE(stopped);
  clock.advance(1ms);
  EXPECT_TRUE(comes_true([&] { return stopped.load(); }));
  faults.clear();
  faults.release();
  EXPECT_TRUE(comes_true([&] { return worker.counts().interrupted == 1; }));
  EXPECT_EQ(reason, StopReason::kLeaseLost);
  worker.stop();
}

TEST(LeaseEndTest, AJobWhoseLeaseIsOverIsNotBegun) {
  ManualClock clock;
  Faults faults;
  const auto broker = make_fault_broker(open_memory_broker({.clock = &clock}), faults);
  Queue queue(*broker);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(queue.push(EncodedJob{"job", "x", {}}));
  Worker worker(*broker, {.concurrency = 1, .ack_wait = 10s, .grace = 0ms, .scheduler = false});
  std::atomic<int> begun{0};
  std::promise<void> finish;
  const auto finished = finish.get_future().share();
  worker.handle("job", [&](JobContext&) {
    ++begun;
    finished.wait();
    return Outcome::done();
  });
  faults.before(Operation::kExtend, [](const Call&) { return Fault::freeze(); });
  ASSERT_TRUE(worker.start());
  const auto holds_both = [&] {
    const WorkerCounts counts = worker.counts();  // one that it has not noted yet would be trusted from then on
    return begun == 1 && counts.running == 1 && counts.unstarted == 1;
  };
  EXPECT_TRUE(comes_true(holds_both));
  faults.before(Operation::kFetch, [](const Call&) { return Fault::freeze(); });
  clock.advance(11s);
  finish.set_value();
  // The keeper, and who fetches for the place that the second job has left.
  EXPECT_TRUE(faults.wait_frozen(2, 30s));
  EXPECT_EQ(begun, 1);
  faults.clear();
  faults.release();
  worker.stop();
}

}  // namespace
}  // namespace leat::test
