// Where time comes from. Everything in leat that reads the time or waits for it does so through a Clock.
//
// Monotonic time inside, UTC at the boundaries. A program gives nothing and gets the real clock; a test gives a
// ManualClock (leat/testing.h) and moves it by hand.
#pragma once

#include <chrono>
#include <stop_token>

namespace leat {

class Mutex;
class CondVar;

using SystemTime = std::chrono::sys_time<std::chrono::nanoseconds>;  // UTC
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;

// Thread-safe. Must outlive everything that was given a reference to it.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual SystemTime now() const = 0;
  virtual SteadyTime steady() const = 0;

  // With `mutex` held: waits until `changed` is notified, `deadline` is reached or `stop` is requested. Wakes without a
  // reason too, so the caller checks its condition in a loop. `SteadyTime::max()` waits without a deadline.
  virtual void wait_until(CondVar& changed, Mutex& mutex, SteadyTime deadline, std::stop_token stop) = 0;
};

// The machine's clock. Lives as long as the program.
Clock& real_clock();

}  // namespace leat
