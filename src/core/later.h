// Waits that may be as long as a Duration can be.
#pragma once

#include <algorithm>

#include "leat/clock.h"

namespace leat {

// So much after `time`, or the last that there is.
template <class Time>
Time later(Time time, Duration by) {
  return by > Time::max() - time ? Time::max() : time + by;
}

// As people are told of it.
inline Duration to_milliseconds(Duration duration) {
  return std::chrono::round<std::chrono::milliseconds>(std::min(duration, Duration::max() - std::chrono::seconds(1)));
}

}  // namespace leat
