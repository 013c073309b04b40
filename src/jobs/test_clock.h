// The test kit's clock: who moves it makes what is due happen, and a wait of its own thread moves it.
#pragma once

#include <functional>
#include <thread>

#include "core/mutex.h"
#include "leat/manual_clock.h"

namespace leat {

// Thread-safe.
class TestClock : public ManualClock {
 public:
  struct Roles {
    std::function<void()> moved{};          // time has passed
    std::function<bool()> about_to_wait{};  // true when that made something happen
  };

  void set_roles(Roles roles) LEAT_EXCLUDES(roles_mutex_) {
    MutexLock lock(roles_mutex_);
    roles_ = std::move(roles);
  }

  void advance(Duration by) override LEAT_EXCLUDES(roles_mutex_) {
    ManualClock::advance(by);
    if (const auto moved = roles().moved) moved();
  }

  // Nobody else would move the clock for the thread that made it.
  void wait_until(CondVar& changed, Mutex& mutex, SteadyTime deadline, std::stop_token stop) override
      LEAT_REQUIRES(mutex) {
    if (std::this_thread::get_id() != owner_ || deadline == SteadyTime::max()) {
      return ManualClock::wait_until(changed, mutex, deadline, std::move(stop));
    }
    mutex.unlock();  // whoever changes what is waited for needs it
    const auto about_to_wait = roles().about_to_wait;
    const bool happened = about_to_wait && about_to_wait();
    if (!happened && steady() < deadline) advance(deadline - steady());
    mutex.lock();
  }

 private:
  Roles roles() const LEAT_EXCLUDES(roles_mutex_) {
    MutexLock lock(roles_mutex_);
    return roles_;
  }

  const decltype(std::this_thread::get_id()) owner_ = std::this_thread::get_id();
  mutable Mutex roles_mutex_;
  Roles roles_ LEAT_GUARDED_BY(roles_mutex_);
};

}  // namespace leat
