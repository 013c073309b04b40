// Brings one range after the other into the table, so that each can be repeated from wherever it was cut off.
//
// The order is what makes it safe: the range is recorded (and with it that the one before is done), then the messages
// that are no rows are kept, then the rows are inserted, then refused ones are kept. Nothing of a range happens before
// its record, and everything that happens after it can happen twice.
#pragma once

#include "leat/batch_writer.h"
#include "pipeline/clickhouse/backoff.h"
#include "pipeline/clickhouse/dead_letter_box.h"
#include "pipeline/clickhouse/range_batch.h"
#include "pipeline/clickhouse/range_book.h"

namespace leat {

// Not thread-safe.
class RangeWriter {
 public:
  struct Parts {
    ClickHouse& engine;
    const BatchWriter& writer;
    RangeBook& book;
    const DeadLetterBox& letters;
    const ClickHousePipelineOptions& options;
    std::string fingerprint;  // of what makes the rows
    Clock& clock;
    Log& log;
  };
  enum class Ending { kDone, kStopped };
  struct Tally {
    std::uint64_t rows = 0;
    std::uint64_t dead_letters = 0;
  };

  // Goes on behind `record`.
  RangeWriter(Parts parts, RangeRecord record) : parts_(std::move(parts)), record_(std::move(record)) {}

  const RangeRecord& record() const { return record_; }

  // A new range. kStopped: it is recorded, and the next owner repeats it. Errors: kLeaseLost (the pipeline has another
  // owner), and what does not pass.
  Result<Ending> write(const RangeBatch& batch, const std::stop_token& stop);
  // The range in hand of the record, as it can be read now.
  Result<Ending> repeat(const RangeBatch& batch, const std::stop_token& stop);
  // Writes down that the last range is done, if that is not written yet.
  Result<void> record_done(const std::stop_token& stop);

  Tally tally() const { return tally_; }

 private:
  Backoff backoff() const { return {parts_.clock, {parts_.options.first_pause, parts_.options.longest_pause}}; }
  Result<void> record(const std::stop_token& stop);
  Result<Ending> wait_for_earlier_insert(const std::stop_token& stop);
  Result<Ending> insert(const RangeBatch& batch, const std::stop_token& stop);
  Result<Ending> insert_rows(const RangeBatch& batch, const std::stop_token& stop);
  Result<std::optional<WriteReport>> send(const RangeBatch& batch, const std::stop_token& stop);
  Result<void> keep(const std::vector<PipelineLetter>& letters, const std::stop_token& stop);
  Result<void> keep_refused(const RangeBatch& batch, std::span<const BadRow> bad, const std::stop_token& stop);
  void tell_of_letters(const PipelineLetter& last);
  Result<Ending> give_up_in_doubt(const RangeBatch& batch, const std::stop_token& stop);
  void report_gone(const RangeBatch& batch) const;
  void finish();

  template <class Try>
  auto again(Try attempt, const std::stop_token& stop) const {
    return try_again(attempt, backoff(), parts_.log, parts_.options.name, stop);
  }

  Parts parts_;
  RangeRecord record_;
  bool unwritten_ = false;  // that the last range is done
  Tally tally_;
  std::optional<SteadyTime> letters_told_{};
};

}  // namespace leat
