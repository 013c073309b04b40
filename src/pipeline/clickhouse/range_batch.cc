#include "pipeline/clickhouse/range_batch.h"

#include <utility>

#include "broker/message_size.h"

namespace leat {

Result<void> BatchBuilder::add(StoredMessage message) {
  const std::size_t place = batch_.rows.size();
  if (auto encoded = encode(message); !encoded) {
    if (batch_.rows.size() != place) return encoded;
    batch_.unmapped.push_back({place, encoded.error().message()});
    batch_.rows.append({});
  } else if (batch_.rows.size() != place + 1) {
    return Error(ErrorCode::kInvalidArgument, "the mapping appends " + std::to_string(batch_.rows.size() - place) +
                                                  " rows for one message; expected one");
  }
  message_bytes_ += size_of(message);
  batch_.messages.push_back(std::move(message));
  return {};
}

// A mapping is the user's, and may throw.
Result<void> BatchBuilder::encode(const StoredMessage& message) {
  try {
    return mapping_->encode(batch_.rows, message);
  } catch (const std::exception& thrown) {
    return Error(ErrorCode::kInvalidArgument, std::string("the mapping throws: ") + thrown.what());
  }
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
