// What each case measures with.
#pragma once

#include <vector>

#include "leat/clock.h"

namespace leat {

double seconds_since(SteadyTime begin);
// The upper one of two in the middle; 0 of nothing.
double median(std::vector<double> values);

}  // namespace leat
