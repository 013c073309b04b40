// Waits by the machine's clock for what other threads make true.
#pragma once

#include <functional>

#include "core/mutex.h"

namespace leat::test {

// False when it took longer than 30 s.
inline bool comes_true(const std::function<bool()>& condition) {
  const SteadyTime until = real_clock().steady() + std::chrono::seconds(30);
  while (!condition() && real_clock().steady() < until) {
    sleep_for(real_clock(), std::chrono::milliseconds(1), {});
  }
  return condition();
}

}  // namespace leat::test
