// Delayed jobs in numbers: how fast they are accepted, how fast they are moved when they are due, and how soon the next
// leader moves the first one when the leader is killed with all of them waiting.
#pragma once

#include <functional>

#include "bench/bench.h"
#include "leat/broker.h"

namespace leat {

// With `options.jobs` jobs each. Reports `enqueue-delayed` (beside plain jobs, as the raw figure), `takeover-delayed`
// (the leader's memory is in its note) and `move-delayed`. Throws Error.
void measure_delayed(const BenchOptions& options, Broker& broker, const std::string& name_space,
                     const std::function<void(BenchReport)>& report);

}  // namespace leat
