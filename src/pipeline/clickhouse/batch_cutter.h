// Reads a stream and cuts it into batches, one ahead of who takes them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/clickhouse_pipeline.h"
#include "pipeline/clickhouse/backoff.h"
#include "pipeline/clickhouse/source.h"

namespace leat {

// Thread-safe.
class BatchCutter {
 public:
  struct Parts {
    Broker& broker;
    const RowMapping& mapping;
    const ClickHousePipelineOptions& options;
    Log& log;
  };

  // Begins at the sequence `next` of the stream that was made at `created`.
  BatchCutter(const Parts& parts, std::uint64_t next, SystemTime created);

  void start();
  void stop();

  // The next batch, never an empty one. Empty when `stop` came first. Errors: kConflict (the stream was made again),
  // and those of the stream and the mapping that do not pass; nothing comes behind one.
  Result<std::optional<RangeBatch>> next(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  // True when next() need not wait.
  bool has_one() const LEAT_EXCLUDES(mutex_);

  struct Seen {
    std::uint64_t last = 0;  // of the stream, when it was last looked at
    std::uint64_t lost = 0;  // sequences that were gone before they could be read
  };
  Seen seen() const LEAT_EXCLUDES(mutex_);

 private:
  using Cut = Result<std::optional<RangeBatch>>;

  void run(const std::stop_token& stop);
  Cut cut(const std::stop_token& stop);
  // Reads until the batch is full or its time is over.
  Result<void> fill(BatchBuilder& builder, const std::stop_token& stop);
  Result<void> add(BatchBuilder& builder, std::vector<StoredMessage> messages);
  // Empty at the end of `wait` too, and after a failure that passes.
  Result<std::vector<StoredMessage>> read(const ReadOptions& most, const std::stop_token& stop);
  bool is_full(const BatchBuilder& builder) const;
  Result<RangeBatch> check(RangeBatch batch, const std::stop_token& stop);
  Result<void> look_while_idle(BatchBuilder& builder);
  bool has_only_others();
  bool takes_all() const { return parts_.options.filter == ">"; }
  Result<SourceFacts> look() LEAT_EXCLUDES(mutex_);
  void report_lost(std::uint64_t from, std::uint64_t count) LEAT_EXCLUDES(mutex_);
  void hand_over(Cut cut, const std::stop_token& stop) LEAT_EXCLUDES(mutex_);

  const Parts parts_;
  Clock& clock_;
  const SystemTime created_;
  // Of the cutter's own thread.
  std::uint64_t next_;
  std::unique_ptr<Reader> reader_;
  std::vector<StoredMessage> left_;  // read, and too much for the batch before
  Backoff backoff_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::optional<Cut> ready_ LEAT_GUARDED_BY(mutex_);
  Seen seen_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace leat
