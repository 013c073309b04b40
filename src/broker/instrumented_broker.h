// Counts and times everything that is asked of a broker: the only place where broker metrics are added.
//
//   leat_broker_calls_total{broker,operation}          calls; a batch is one
//   leat_broker_items_total{broker,operation}          messages, settlements, keys, ... in them
//   leat_broker_errors_total{broker,operation,code}    failed calls, and failed items of batches
//   leat_broker_seconds{broker,operation}              how long a call took; a fetch's includes its wait
#pragma once

#include <memory>

#include "leat/broker.h"
#include "leat/metrics.h"

namespace leat {

// `metrics` must outlive the broker and all that was opened from it. Costs two clock readings and a few atomic
// additions for a call, whatever the size of its batch.
std::unique_ptr<Broker> make_instrumented_broker(std::unique_ptr<Broker> inner, Metrics& metrics);

}  // namespace leat
