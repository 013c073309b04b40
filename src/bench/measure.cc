#include "bench/measure.h"

#include <algorithm>

namespace leat {

double seconds_since(SteadyTime begin) {
  return std::chrono::duration<double>(real_clock().steady() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

}  // namespace leat
