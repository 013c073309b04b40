// The record of a pipeline, written at its revision: only who has read or written it last can write it.
#pragma once

#include <memory>
#include <string>

#include "leat/key_value.h"
#include "pipeline/clickhouse/backoff.h"
#include "pipeline/clickhouse/range_record.h"

namespace leat {

// Not thread-safe.
class RangeBook {
 public:
  // `records` must outlive it.
  RangeBook(KeyValue& records, std::string key, std::string owner)
      : records_(records), key_(std::move(key)), owner_(std::move(owner)) {}

  // What is written there; empty when nothing is.
  Result<std::optional<RangeRecord>> read();

  // Tries again until it is known whether it is written. Errors: kLeaseLost (another owner has written), kUnavailable
  // when `stop` came first, and what does not pass.
  Result<void> write(RangeRecord record, Backoff backoff, const std::stop_token& stop);

 private:
  enum class Look { kWritten, kNotYet, kOther };
  Result<Look> look(const std::string& text);

  KeyValue& records_;
  const std::string key_;
  const std::string owner_;
  std::uint64_t revision_ = 0;  // 0: there is no record
  std::uint64_t written_ = 0;   // how many by this one
};

}  // namespace leat
