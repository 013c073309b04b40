// What the owner of a pipeline does, from the moment it owns it until it stops or loses it.
#pragma once

#include "broker/leader_lock.h"
#include "pipeline/clickhouse/batch_cutter.h"
#include "pipeline/clickhouse/owned_engine.h"
#include "pipeline/clickhouse/pipeline_board.h"
#include "pipeline/clickhouse/range_writer.h"
#include "pipeline/clickhouse/table_check.h"

namespace leat {

// Not thread-safe. What it is given must outlive it.
class PipelineOwner {
 public:
  struct Parts {
    Broker& broker;
    ClickHouse& engine;
    const RowMapping& mapping;
    const ClickHousePipelineOptions& options;
    TableFacts table;
    KeyValue& records;
    LeaderLock& lock;
    PipelineBoard& board;
    Log& log;
  };

  explicit PipelineOwner(Parts parts);

  // Waits until it owns the pipeline, works, and waits again when it was lost. Returns after `stop`, or with an error
  // that does not pass.
  Result<void> run(const std::stop_token& stop);

 private:
  struct Tokens {
    std::stop_token quit;  // no new range
    std::stop_token halt;  // no new try of anything
  };

  // Ok: stopped, or lost.
  Result<void> own(const std::stop_token& stop, const std::stop_token& lost);
  Result<void> work(const Tokens& tokens);
  Result<RangeRecord> find_place(const std::stop_token& stop);
  Result<RangeRecord> place_in(const SourceFacts& facts, std::optional<RangeRecord> record) const;
  Result<RangeRecord> place_in_new_stream(const SourceFacts& facts, const RangeRecord& record) const;
  Result<RangeWriter::Ending> repeat(RangeWriter& writer, const Tokens& tokens);
  Result<void> write_all(RangeWriter& writer, const Tokens& tokens);
  Result<void> write_batches(RangeWriter& writer, BatchCutter& cutter, const Tokens& tokens);
  void tell(const RangeWriter& writer, const RangeWriter::Tally& before);
  bool goes_on_after(const Error& error) const;

  Parts parts_;
  Clock& clock_;
  OwnedEngine engine_;
  BatchWriter writer_;
  DeadLetterBox letters_;
  RangeBook book_;
  bool stream_made_again_ = false;  // while it was read
};

}  // namespace leat
