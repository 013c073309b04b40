#include "pipeline/clickhouse/range_batch.h"

#include <utility>

#include "broker/message_size.h"
#include "core/thrown.h"

namespace leat {

Result<void> BatchBuilder::add(StoredMessage message) {
  const std::size_t place = batch_.rows.size();
  if (auto encoded = encode(message); !encoded) {
    batch_.rows.cut_back(place);
    batch_.unmapped.push_back({place, encoded.error().message()});
    batch_.rows.append({});
  } else if (batch_.rows.size() != place + 1) {
    return Error(ErrorCode::kInvalidArgument,
                 "the mapping appends " + std::to_string(batch_.rows.size() - place) +
                     " rows for one message; expected one: keep its parts in one row (Array, Nested), or "
                     "publish a message for each");
  }
  message_bytes_ += size_of(message);
  batch_.messages.push_back(std::move(message));
  return {};
}

// A mapping is the user's, and may throw.
Result<void> BatchBuilder::encode(const StoredMessage& message) {
  Result<void> encoded;
  const auto thrown = what_it_throws([&] { encoded = mapping_->encode(batch_.rows, message); });
  if (thrown) return Error(ErrorCode::kInvalidArgument, "the mapping throws: " + *thrown);
  return encoded;
}

void BatchBuilder::add_gone() {
  batch_.rows.append({});
  batch_.messages.emplace_back();
  ++batch_.gone;
}

RangeBatch BatchBuilder::finish(std::uint64_t last) {
  batch_.last = last;
  return std::move(batch_);
}

}  // namespace leat
