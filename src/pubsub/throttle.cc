#include <algorithm>
#include <stdexcept>

#include "core/mutex.h"
#include "leat/router_middleware.h"

namespace leat {
namespace {

// Turns come at a steady rate; after a rest a burst of them is there at once. Thread-safe.
class Turns {
 public:
  Turns(Throttle options, Clock& clock)
      : clock_(clock),
        each_(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1.0 / options.per_second))),
        rest_(each_ * (options.burst - 1)),
        next_(clock.steady() - rest_) {}

  // Takes the next turn; how long it is until then.
  Duration take() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.steady();
    const SteadyTime turn = std::max(next_, now - rest_);
    next_ = turn + each_;
    return std::max(turn - now, Duration{0});
  }
  Clock& clock() { return clock_; }

 private:
  Clock& clock_;
  const Duration each_;
  const Duration rest_;
  Mutex mutex_;
  SteadyTime next_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace

MessageMiddleware throttle(Throttle options, Clock& clock) {
  constexpr double kSlowest = 1.0 / (24 * 3600);
  constexpr double kFastest = 1e9;
  if (!(options.per_second >= kSlowest && options.per_second <= kFastest)) {
    throw std::invalid_argument("throttle: per_second is between one a day and 1e9");
  }
  if (options.burst == 0 || options.burst > 100'000) throw std::invalid_argument("throttle: burst is 1 to 100,000");
  return [turns = std::make_shared<Turns>(options, clock)](MessageContext& message, const MessageHandler& next) {
    const Duration wait = turns->take();
    if (wait > Duration{0} && !sleep_for(turns->clock(), wait, message.stop_token())) {
      return Outcome::snooze(Duration{0});  // it has not begun: others may have it
    }
    return next(message);
  };
}

}  // namespace leat
