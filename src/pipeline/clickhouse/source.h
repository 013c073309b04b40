// The stream that a pipeline reads, as it was when the pipeline began with it.
#pragma once

#include <optional>
#include <string>

#include "leat/broker.h"
#include "pipeline/clickhouse/range_batch.h"
#include "pipeline/clickhouse/range_record.h"

namespace leat {

// What is in a stream now.
struct SourceFacts {
  SystemTime created{};
  std::uint64_t first = 1;  // the first sequence that may still be there
  std::uint64_t last = 0;   // the last one that was ever given
};

// Errors: kNotFound (says that the stream is missing), kUnavailable, kDenied.
Result<SourceFacts> source_facts(Broker& broker, const std::string& stream);

// The messages of a range that was recorded, each at the place that it had if that can be told, and what is left of
// them otherwise. Empty when `stop` came first. Errors: as Reader::read().
Result<std::optional<RangeBatch>> read_range(Broker& broker, const RowMapping& mapping, const std::string& stream,
                                             const RangeInHand& range, const std::stop_token& stop);

}  // namespace leat
