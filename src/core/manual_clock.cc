#include "core/mutex.h"
#include "leat/testing.h"

namespace leat {

// Looks again after a short real time instead of keeping a list of waiters: no order of locks to get wrong.
void ManualClock::wait_until(CondVar& changed, Mutex& mutex, SteadyTime /*deadline*/, std::stop_token stop)
    LEAT_REQUIRES(mutex) {
  constexpr auto kLookAgain = std::chrono::milliseconds(1);
  changed.wait_once(mutex, real_clock().steady() + kLookAgain, std::move(stop));
}

}  // namespace leat
