// One write of a batch: its inserts, their tries, and the search for rows that are refused.
#pragma once

#include "leat/batch_writer.h"

namespace leat {

// Not thread-safe. What it was given must outlive it.
class InsertRun {
 public:
  InsertRun(ClickHouse& engine, const RowEncoder& encoder, const BatchWriterOptions& options, const RowBatch& batch,
            const WriteOptions& write, std::stop_token stop);

  Result<std::optional<WriteReport>> run();

 private:
  enum class Ending { kDone, kStopped };
  struct Range {
    std::size_t begin;
    std::size_t end;
    std::size_t size() const { return end - begin; }
  };

  // From `begin` on, what one insert may take.
  Range next_insert(std::size_t begin) const;
  Result<Ending> write_range(Range range);
  Result<Ending> write_parts(Range range);
  Result<Ending> begin_parts(Range range);
  // One insert, tried until it is answered.
  Result<InsertAnswer> insert(Range range);
  // Waits before the next try; false when it is time to give up, or stopped.
  bool pause(Duration& pause, SteadyTime give_up, const InsertRequest& failed, ErrorCode code);
  std::string token_of(Range range) const;

  ClickHouse& engine_;
  const RowEncoder& encoder_;
  const BatchWriterOptions& options_;
  const RowBatch& batch_;
  const WriteOptions& write_;
  const std::stop_token stop_;
  Clock& clock_;
  Log& log_;
  std::string token_;
  bool in_parts_ = false;
  WriteReport report_;
};

}  // namespace leat
