// Streams into ClickHouse in numbers, with every row counted afterwards.
#pragma once

#include "bench/bench.h"
#include "bench/raw_client.h"
#include "leat/broker.h"

namespace leat {

// `options.jobs` events of `options.payload` bytes from a stream into a table, in batches of 50'000; beside it the raw
// client, which reads the same stream, acknowledges each batch once and writes nothing. Throws Error.
BenchReport measure_pipeline(const BenchOptions& options, Broker& broker, RawClient* raw);

// One BatchWriter, rows of five columns from structs: what ClickHouse takes. Throws Error.
BenchReport measure_writer(const BenchOptions& options);

}  // namespace leat
