// What leat promises of its figures.
#pragma once

#include "bench/bench.h"

namespace leat {

// Fills in what is promised of this report's case on its broker, and whether the figure keeps it.
void judge(BenchReport& report);

// Did each job come once, of a case that was run?
bool is_exact(const BenchReport& report);
// And is there the figure that is promised?
bool is_kept(const BenchReport& report);

}  // namespace leat
