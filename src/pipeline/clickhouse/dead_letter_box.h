// Keeps the messages that did not become rows, each once, whoever stores it and however often.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "leat/clickhouse_pipeline.h"
#include "pipeline/clickhouse/range_record.h"

namespace leat {

struct PipelineLetter {
  const StoredMessage* message;
  std::string reason;
  int code = 0;  // ClickHouse's; 0: it was never sent there
};

// Thread-safe.
class DeadLetterBox {
 public:
  // Both must outlive it.
  DeadLetterBox(Broker& broker, const ClickHousePipelineOptions& options) : broker_(broker), options_(options) {}

  // Its stream, as it is made.
  static StreamConfig stream(const ClickHousePipelineOptions& options);
  // Makes it when it is missing.
  Result<void> ensure() const;

  // Stores those that are not there yet. Of a message that is too large to be kept with what is told about it, the
  // headers are left out, and if need be the payload. Returns how many were new.
  Result<std::size_t> put(const RangeRecord& source, std::span<const PipelineLetter> letters) const;

 private:
  enum class Keep { kAll, kPayload, kNothing };
  AppendRequest request_for(const RangeRecord& source, const PipelineLetter& letter, Keep keep) const;
  Result<bool> put_smaller(const RangeRecord& source, const PipelineLetter& letter, Error error) const;

  Broker& broker_;
  const ClickHousePipelineOptions& options_;
};

}  // namespace leat
