// Writes rows into a ClickHouse table in large inserts: what can be tried again is, and bad rows are told apart.
//
//   leat::BatchWriter writer(*engine, encoder);
//   leat::RowBatch batch;
//   encoder.encode(batch, reading);                         // a row that does not fit is refused here, with the reason
//   if (writer.full(batch)) writer.write(batch).value();
//
// A write that was answered is stored. Whether a row can be stored twice when an answer is lost is up to the token:
// with one, on a table that remembers tokens (TableDescription::deduplication_window), never; without, it can.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/clickhouse.h"
#include "leat/rows.h"

namespace leat {

struct BatchWriterOptions {
  std::size_t max_rows = 100'000;            // of one insert, 1 to 1'000'000 (beyond that ClickHouse cuts it itself)
  std::size_t max_bytes = 32 * 1024 * 1024;  // of one insert, before compression; one row may be larger
  // So many rows of a batch refused one after the other, for the same reason and with none stored between them, are the
  // table's fault: the next one ends the write. Telling them apart takes two inserts a row. 0: all are told apart.
  std::size_t table_fault_after = 1000;
  Duration first_pause =
      std::chrono::milliseconds(100);  // before the second try; then twice as long each time; 1 ms or more
  Duration longest_pause = std::chrono::seconds(10);
  Duration give_up_after = std::chrono::minutes(1);  // after the first try; the error is returned then
  std::optional<Duration> timeout{};                 // of one insert; the URL's unless given
  ClickHouseSettings settings{};                     // for every insert
  Clock* clock = nullptr;                            // borrowed; the machine's unless given
  Log* log = nullptr;                                // borrowed; nothing is logged unless given
};

struct BadRow {
  std::size_t index = 0;  // in the batch
  int code = 0;           // ClickHouse's
  std::string reason;     // what ClickHouse says
};

struct RowRange {
  std::size_t begin = 0;
  std::size_t end = 0;  // the first row behind it
  bool operator==(const RowRange&) const = default;
};

// How far a write has come that goes on in parts, because ClickHouse refused a row.
struct WriteProgress {
  std::size_t settled = 0;           // rows before it are stored or bad
  std::vector<RowRange> refused{};   // ranges from there on that were refused as a whole, the widest first
  std::size_t refused_in_a_row = 0;  // rows before `settled`, with none stored between them: for table_fault_after
  int code = 0;                      // ClickHouse's, of these
};

struct WriteOptions {
  // The same rows under the same token are stored once; unless given, each write has one of its own, where the engine
  // knows tokens (without any, ClickHouse drops an insert that is equal to an earlier one). Inserts of parts of the
  // batch have tokens made of it.
  std::string token{};
  // Of all inserts of this write; each has one of its own unless given. A server runs one query of an id at a time.
  std::string query_id{};
  // Called before the halves of a refused range are inserted, with what is to be written down if this batch may have
  // to be written again, and with the bad rows found so far. When it returns an error, nothing more is inserted, and
  // the write returns it.
  std::function<Result<void>(const WriteProgress& progress, const std::vector<BadRow>& bad)> before_parts{};
  // What `before_parts` got last when the same batch was written before: a write goes on there. The whole and its parts
  // have different tokens, so without it a row could be stored under both.
  WriteProgress resume{};
};

struct WriteReport {
  std::size_t stored = 0;     // rows
  std::vector<BadRow> bad{};  // the others, by index
  std::size_t inserts = 0;    // that were sent, tries and parts among them
};

// Thread-safe: writes of several threads run side by side. The engine must outlive it.
class BatchWriter {
 public:
  BatchWriter(ClickHouse& engine, RowEncoder encoder, BatchWriterOptions options = {});

  const RowEncoder& encoder() const { return encoder_; }
  // True when a batch is as large as one insert should be. A larger one is written in several, each with a token made
  // of the batch's, cut at the same rows whenever it is written with the same options.
  bool full(const RowBatch& batch) const {
    return batch.size() >= options_.max_rows || batch.bytes() >= options_.max_bytes;
  }

  // Waits until all rows are stored or refused. What is transient (kUnavailable, kUnknown) is tried again, after a
  // pause; after a lost answer not before the server has done with it. Empty when `stop` came first: what was not yet
  // stored may have been, so write it again under its token. Errors: as ClickHouse::insert(), after give_up_after for
  // those that are tried again; kInvalidArgument after table_fault_after. A part of the batch may be stored then; no
  // row is given up that was not refused by itself.
  Result<std::optional<WriteReport>> write(const RowBatch& batch, const WriteOptions& options = {},
                                           std::stop_token stop = {}) const;

 private:
  ClickHouse& engine_;
  const RowEncoder encoder_;
  const BatchWriterOptions options_;
};

}  // namespace leat
