// What leat promises of its figures.
#pragma once

#include "bench/bench.h"

namespace leat {

// Fills in what is promised of this report's case on its broker, and whether the figure keeps it. What was not measured
// (a ratio without a raw client) breaks no promise.
void judge(BenchReport& report);

}  // namespace leat
