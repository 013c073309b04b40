#include "core/mutex.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/thread.h"
#include "leat/testing.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

TEST(ManualClock, StandsStillUntilItIsMoved) {
  ManualClock clock;
  const SystemTime wall = clock.now();
  const SteadyTime steady = clock.steady();
  EXPECT_EQ(clock.now(), wall);
  clock.advance(5s);
  EXPECT_EQ(clock.now(), wall + 5s);
  EXPECT_EQ(clock.steady(), steady + 5s);
  clock.jump_wall(-1h);
  EXPECT_EQ(clock.now(), wall + 5s - 1h);
  EXPECT_EQ(clock.steady(), steady + 5s);
}

// Waits on a manual clock in a thread of its own.
class Waiter {
 public:
  explicit Waiter(Clock& clock, Duration wait)
      : thread_(start_thread("waiter", [this, &clock, wait](const std::stop_token& stop) {
          MutexLock lock(mutex_);
          const SteadyTime deadline = deadline_after(clock, wait);
          waiting_ = true;
          came_ = wait_until(clock, changed_, mutex_, deadline, stop, [this] { return ready_.load(); });
          ended_ = true;
        })) {
    while (!waiting_) std::this_thread::yield();
  }

  void make_ready() {
    ready_ = true;
    changed_.notify_all();
  }
  void stop() { thread_.request_stop(); }
  bool ended() const { return ended_; }
  // Waits for the end; whether the condition came.
  bool result() {
    thread_.join();
    return came_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::atomic<bool> ready_ = false;
  std::atomic<bool> waiting_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> came_ = false;
  Thread thread_;
};

TEST(WaitUntil, DeadlineOfAManualClock) {
  ManualClock clock;
  Waiter waiter(clock, 10s);
  clock.advance(9'999ms);
  EXPECT_FALSE(waiter.ended());
  clock.advance(1ms);
  EXPECT_FALSE(waiter.result());
}

TEST(WaitUntil, ConditionComesFirst) {
  ManualClock clock;
  Waiter waiter(clock, 10s);
  waiter.make_ready();
  EXPECT_TRUE(waiter.result());
}

TEST(WaitUntil, StopEndsIt) {
  ManualClock clock;
  Waiter waiter(clock, Duration::max());
  waiter.stop();
  EXPECT_FALSE(waiter.result());
}

TEST(WaitUntil, RealClockWaitsAtLeastSoLong) {
  const SteadyTime before = real_clock().steady();
  EXPECT_TRUE(sleep_for(real_clock(), 20ms, {}));
  EXPECT_GE(real_clock().steady() - before, 20ms);
}

TEST(WaitUntil, SleepEndsWithItsStopToken) {
  std::stop_source stop;
  stop.request_stop();
  const SteadyTime before = real_clock().steady();
  EXPECT_FALSE(sleep_for(real_clock(), 1h, stop.get_token()));
  EXPECT_LT(real_clock().steady() - before, 10s);
}

TEST(WaitUntil, DeadlinesDoNotOverflow) {
  ManualClock clock;
  EXPECT_EQ(deadline_after(clock, Duration::max()), SteadyTime::max());
  EXPECT_EQ(deadline_after(clock, 1s), clock.steady() + 1s);
}

TEST(CondVar, WaitsForItsCondition) {
  Mutex mutex;
  CondVar changed;
  bool ready = false;
  auto setter = start_thread("setter", [&](const std::stop_token&) {
    MutexLock lock(mutex);
    ready = true;
    changed.notify_one();
  });
  MutexLock lock(mutex);
  changed.wait(mutex, [&] { return ready; });
  EXPECT_TRUE(ready);
}

}  // namespace
}  // namespace leat
