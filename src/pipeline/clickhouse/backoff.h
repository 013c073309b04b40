// Pauses between tries: each twice as long as the one before, up to a limit.
#pragma once

#include <algorithm>

#include "core/mutex.h"
#include "leat/log.h"
#include "leat/result.h"

namespace leat {

// True for what may go well when it is tried again.
inline bool is_passing(const Error& error) {
  return error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kUnknown ||
         error.code() == ErrorCode::kFull;
}

// Not thread-safe.
class Backoff {
 public:
  struct Pauses {
    Duration first;
    Duration longest;
  };

  Backoff(Clock& clock, const Pauses& pauses) : clock_(clock), pauses_(pauses), next_(pauses.first) {}

  // False when `stop` came first.
  bool pause(const std::stop_token& stop) {
    const Duration now = next_;
    next_ = std::min(next_ * 2, std::max(pauses_.longest, pauses_.first));
    return sleep_for(clock_, now, stop);
  }
  void reset() { next_ = pauses_.first; }

 private:
  Clock& clock_;
  const Pauses pauses_;
  Duration next_;
};

// Tries again what passes, with pauses, until `stop`; the last error then.
template <class Try>
auto try_again(Try attempt, Backoff pauses, Log& log, std::string_view pipeline, const std::stop_token& stop)
    -> decltype(attempt()) {
  while (true) {
    auto result = attempt();
    if (result || !is_passing(result.error())) return result;
    log.warn("pipeline is held up; trying again", {{"pipeline", pipeline}, {"error", result.error().message()}});
    if (!pauses.pause(stop)) return result;
  }
}

}  // namespace leat
