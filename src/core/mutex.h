// A mutex, its guard and a condition variable that clang's thread-safety analysis understands.
//
// `std::mutex` is used nowhere else: what it guards could not be checked.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "leat/clock.h"

#if defined(__clang__)
#define LEAT_TSA(x) __attribute__((x))
#else
#define LEAT_TSA(x)
#endif

#define LEAT_GUARDED_BY(x) LEAT_TSA(guarded_by(x))
#define LEAT_REQUIRES(...) LEAT_TSA(requires_capability(__VA_ARGS__))
#define LEAT_EXCLUDES(...) LEAT_TSA(locks_excluded(__VA_ARGS__))

namespace leat {

class LEAT_TSA(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() LEAT_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() LEAT_TSA(release_capability()) { mutex_.unlock(); }
  bool try_lock() LEAT_TSA(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

class LEAT_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) LEAT_TSA(acquire_capability(mutex)) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() LEAT_TSA(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class CondVar {
 public:
  // False when `stop` was requested first.
  template <class Predicate>
  bool wait(Mutex& mutex, std::stop_token stop, Predicate ready) LEAT_REQUIRES(mutex) {
    return changed_.wait(mutex, std::move(stop), ready);
  }
  template <class Predicate>
  void wait(Mutex& mutex, Predicate ready) LEAT_REQUIRES(mutex) {
    changed_.wait(mutex, ready);
  }
  // Waits for one notification, the deadline of the machine's clock, or `stop`; may wake without a reason.
  void wait_once(Mutex& mutex, SteadyTime deadline, std::stop_token stop) LEAT_REQUIRES(mutex);

  void notify_one() { changed_.notify_one(); }
  void notify_all() { changed_.notify_all(); }

 private:
  std::condition_variable_any changed_;
};

// Waits on a clock until `ready()`; false when the deadline or `stop` came first. Not analysed inside: the predicate
// knows the mutex by another name.
template <class Predicate>
bool wait_until(Clock& clock, CondVar& changed, Mutex& mutex, SteadyTime deadline, const std::stop_token& stop,
                Predicate ready) LEAT_REQUIRES(mutex) LEAT_TSA(no_thread_safety_analysis) {
  while (!ready()) {
    if (stop.stop_requested() || clock.steady() >= deadline) return false;
    clock.wait_until(changed, mutex, deadline, stop);
  }
  return true;
}

// A deadline this far from now; SteadyTime::max() when that is beyond the clock.
inline SteadyTime deadline_after(const Clock& clock, Duration wait) {
  const SteadyTime now = clock.steady();
  return wait > SteadyTime::max() - now ? SteadyTime::max() : now + wait;
}

// Both pause the calling thread; false when `stop` came first.
bool sleep_until(Clock& clock, SteadyTime deadline, const std::stop_token& stop);
bool sleep_for(Clock& clock, Duration duration, const std::stop_token& stop);

}  // namespace leat
