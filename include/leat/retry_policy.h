// When a failed attempt is tried again.
#pragma once

#include <chrono>

#include "leat/clock.h"

namespace leat {

// delay(n) = min(first * factor^(n-1), longest), then spread by the jitter.
struct RetryPolicy {
  Duration first = std::chrono::seconds(1);     // before the second attempt; 0 or more
  double factor = 2.0;                          // 1 or more; 1 waits the same each time
  Duration longest = std::chrono::minutes(10);  // no wait is longer (before jitter)
  double jitter = 0.1;                          // 0 to 1: the wait is shortened or lengthened by up to this share

  // The wait after `failed` attempts (1 or more). `random` is in [0, 1).
  Duration delay(unsigned failed, double random) const;
};

}  // namespace leat
