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
  // From `begin` on, what one insert may take.
  RowRange next_insert(std::size_t begin) const;
  Result<Ending> write_range(RowRange range);
  Result<Ending> write_parts(RowRange range);
  Result<Ending> begin_parts(RowRange range);
  Result<Ending> give_up_row(RowRange range, const InsertAnswer& answer);
  // Rows of no bytes are places that nothing is in.
  std::size_t rows_in(RowRange range) const;
  // One insert, tried until it is answered.
  Result<InsertAnswer> insert(RowRange range);
  Result<InsertAnswer> try_insert(InsertRequest& request, SteadyTime give_up);
  Result<void> wait_for_unanswered(SteadyTime give_up);
  // Waits before the next try; false when it is time to give up, or stopped.
  bool pause(Duration& pause, SteadyTime give_up);
  std::string token_of(RowRange range) const;

  ClickHouse& engine_;
  const RowEncoder& encoder_;
  const BatchWriterOptions& options_;
  const RowBatch& batch_;
  const WriteOptions& write_;
  const std::stop_token stop_;
  Clock& clock_;
  Log& log_;
  std::string token_;
  std::vector<RowRange> refused_;  // around where the write is, the widest first
  std::size_t refused_in_a_row_;
  int code_;                // of these
  std::string unanswered_;  // query id of the last insert, if its answer was lost and it may still run
  WriteReport report_;
};

}  // namespace leat
