// How far a pipeline has come, and the range of its stream that is being inserted (docs/spec/pipelines.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "leat/batch_writer.h"
#include "leat/clock.h"

namespace leat {

// A closed range of sequences: what is inserted as one batch, and again as the same one.
struct RangeInHand {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t messages = 0;  // under the filter, when it was cut; each has a place in the batch
  std::string filter;
  std::string mapping;       // what made its rows: MappingFacts::fingerprint
  WriteProgress progress{};  // once a row of it was refused; counts places

  // Each of its sequences is a message: the place of one can be told when others are gone.
  bool dense() const { return last - first + 1 == messages; }
};

struct RangeRecord {
  std::string stream;
  SystemTime created{};     // of the stream
  std::uint64_t epoch = 0;  // how often the stream's sequences began anew
  std::uint64_t done = 0;   // every sequence up to here is dealt with
  std::optional<RangeInHand> in_hand{};
  std::string owner{};  // who wrote it; makes every record another one
};

std::string to_text(const RangeRecord& record);
// Errors: kCorrupt, saying what is wrong.
Result<RangeRecord> parse_range_record(std::string_view text);

// What tells a range from every other one: "leat/readings/events/1767225600000000000.0/1-50000".
std::string range_name(std::string_view pipeline, const RangeRecord& record, const RangeInHand& range);

}  // namespace leat
