// How long jobs wait on an idle system: producer here, worker in a process of its own.
#pragma once

#include <string>

#include "bench/bench.h"
#include "leat/broker.h"

namespace leat {

// From enqueue to start. Throws Error. Jobs come at a fixed rate, whether or not the one before has started (open
// loop).
BenchReport measure_latency(const BenchOptions& options, Broker& broker, const std::string& name_space);

// From the time when a delayed job is due to its start; not exact when one started before. Throws Error.
BenchReport measure_punctuality(const BenchOptions& options, Broker& broker, const std::string& name_space);

}  // namespace leat
