// A clock for tests, moved by hand. leat/testing.h brings it.
#pragma once

#include <atomic>

#include "leat/clock.h"

namespace leat {

// A clock that stands still until it is moved. Both its times move together. Thread-safe.
class ManualClock : public Clock {
 public:
  // Wall clock at the beginning: 2026-01-01 00:00:00 UTC unless given.
  explicit ManualClock(SystemTime start = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}) : start_(start) {}

  // Moves both times; whoever waits for a time up to then goes on.
  virtual void advance(Duration by) { passed_ += by.count(); }
  // Moves the wall clock alone, forward or back, as an administrator or NTP does.
  void jump_wall(Duration by) { wall_offset_ += by.count(); }

  SystemTime now() const override { return start_ + Duration{passed_ + wall_offset_}; }
  SteadyTime steady() const override { return SteadyTime{} + std::chrono::hours{1} + Duration{passed_}; }
  void wait_until(CondVar& changed, Mutex& mutex, SteadyTime deadline, std::stop_token stop) override;

 private:
  SystemTime start_;
  std::atomic<Duration::rep> passed_{0};
  std::atomic<Duration::rep> wall_offset_{0};
};

}  // namespace leat
