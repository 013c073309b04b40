// The messages of a range, and their rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "leat/row_mapping.h"

namespace leat {

struct Unmapped {
  std::size_t place = 0;
  std::string reason;
};

// Every message has a place; a row of no bytes stands where none could be made, or where a message is gone.
struct RangeBatch {
  std::uint64_t first = 0;  // sequences
  std::uint64_t last = 0;
  std::vector<StoredMessage> messages{};  // by place; sequence 0 where it is gone
  RowBatch rows{};
  std::vector<Unmapped> unmapped{};
  std::size_t gone = 0;  // places without their message
};

// Makes one. Not thread-safe. The mapping must outlive it.
class BatchBuilder {
 public:
  BatchBuilder(const RowMapping& mapping, std::uint64_t first) : mapping_(&mapping) { batch_.first = first; }

  // Errors: kInvalidArgument (the mapping appends anything but one row).
  Result<void> add(StoredMessage message);
  void add_gone();

  bool empty() const { return batch_.messages.empty(); }
  std::size_t size() const { return batch_.messages.size(); }
  // Of the messages, or of the rows if they are more.
  std::size_t bytes() const { return std::max(message_bytes_, batch_.rows.bytes()); }
  std::uint64_t first() const { return batch_.first; }

  RangeBatch finish(std::uint64_t last);

 private:
  Result<void> encode(const StoredMessage& message);

  const RowMapping* mapping_;
  RangeBatch batch_;
  std::size_t message_bytes_ = 0;
};

}  // namespace leat
