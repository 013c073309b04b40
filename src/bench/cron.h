// How long it takes to find the next run of a cron expression.
#pragma once

#include "bench/bench.h"

namespace leat {

// The next 200 runs of each of 50 expressions, in turn; the median of the rounds' means. Needs no broker. Throws Error.
BenchReport measure_cron(const BenchOptions& options);

}  // namespace leat
