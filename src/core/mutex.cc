#include "core/mutex.h"

#include <utility>

namespace leat {

void CondVar::wait_once(Mutex& mutex, SteadyTime deadline, std::stop_token stop) {
  bool waited = false;
  const auto after_one_wake = [&waited] { return std::exchange(waited, true); };
  if (deadline == SteadyTime::max()) {
    changed_.wait(mutex, std::move(stop), after_one_wake);
  } else {
    changed_.wait_until(mutex, std::move(stop), deadline, after_one_wake);
  }
}

bool sleep_until(Clock& clock, SteadyTime deadline, const std::stop_token& stop) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(mutex);
  wait_until(clock, changed, mutex, deadline, stop, [] { return false; });
  return !stop.stop_requested();
}

bool sleep_for(Clock& clock, Duration duration, const std::stop_token& stop) {
  return sleep_until(clock, deadline_after(clock, duration), stop);
}

}  // namespace leat
