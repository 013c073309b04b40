#include "leat/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace leat {

Duration RetryPolicy::delay(unsigned failed, double random) const {
  const double wanted =
      static_cast<double>(first.count()) * std::pow(factor, static_cast<double>(std::max(failed, 1U) - 1));
  const double capped = std::min(wanted, static_cast<double>(longest.count()));
  const double spread = capped * (1.0 + jitter * (2.0 * random - 1.0));
  return Duration{static_cast<Duration::rep>(std::llround(std::max(spread, 0.0)))};
}

}  // namespace leat
