// From a stream into a ClickHouse table, a row per message, exactly once where the table remembers inserts.
//
//   leat::ClickHousePipeline pipeline(*broker, *engine, mapping, {.name = "readings", .stream = "events"});
//   pipeline.run(stop).value();          // until `stop`; a second program that runs the same stands by
//
// A batch is a closed range of the stream's sequences. It is written down before it is inserted, and inserted under a
// token that is made of it: whoever goes on after a crash inserts the same range under the same token, and ClickHouse
// stores it once. That takes ClickHouse 22.2 or later and a table with a deduplication window; without, a crash can
// store a range twice, and the log says so at the start (docs/guide/pipelines.md).
//
// The stream must keep its messages (Retention::kLimits) until they are read. What cannot become a row, and rows that
// ClickHouse refuses, go to a stream of dead letters with the reason; the others of their batch are stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "leat/broker.h"
#include "leat/clickhouse.h"
#include "leat/log.h"
#include "leat/row_mapping.h"

namespace leat {

struct ClickHousePipelineOptions {
  // 1 to 64 letters, digits, `_` or `-`. Programs that run pipelines of one name on one broker stand by for each other.
  std::string name;
  std::string stream;                        // must exist
  std::string filter = ">";                  // which subjects of it
  std::size_t max_rows = 50'000;             // of a batch, 1 to 1'000'000
  std::size_t max_bytes = 32 * 1024 * 1024;  // of a batch's messages, and of its rows; two batches are held at a time
  Duration max_wait = std::chrono::seconds(1);  // for a batch to fill up, from its first message; 1 ms or more
  // So many rows of a batch refused one after the other, for the same reason and with none stored between them, are the
  // table's fault: run() ends, and nothing more goes to the dead letters. 0: never, they are the rows' fault.
  std::size_t table_fault_after = 1000;
  // kBest: at least once, with a warning, where the table or the server cannot do better. kExactlyOnce: refuses then.
  enum class Guarantee { kBest, kExactlyOnce } guarantee = Guarantee::kBest;
  // When the stream was deleted and made again, or has lost its end, since the last batch: its sequences begin anew.
  enum class NewStream { kRefused, kFromItsBeginning } new_stream = NewStream::kRefused;
  std::string dead_letters = "leat_pipelines_dlq";           // their stream, made when it is missing
  Duration dead_letters_kept = std::chrono::hours(24 * 30);  // when it is made; 100 ms or more, 0: for ever
  std::string bucket = "leat_pipelines";                     // of the records, made when it is missing
  unsigned replicas = 1;                                     // of both
  Duration first_pause = std::chrono::milliseconds(100);     // after a failure; then twice as long each time
  Duration longest_pause = std::chrono::seconds(10);
  Duration stop_grace = std::chrono::seconds(10);  // for the insert under way when `stop` comes
  Duration owner_ttl = std::chrono::seconds(6);    // how long a silent owner is waited for; 1 s or more
  std::string holder{};                            // for people: who this is; unless given, an id
  // Called once by run(), on its thread, when table and stream are there and right: from then on it works or stands by.
  std::function<void()> on_ready{};
  Log* log = nullptr;  // borrowed; nothing but drift is told unless given (leat/log.h)
};

// Ok, or kInvalidArgument naming the option and what is allowed: all that can be told without a server.
Result<void> check_pipeline_options(const ClickHousePipelineOptions& options);

// Of this object, since it was made.
struct PipelineCounts {
  std::uint64_t rows = 0;          // in batches that ended well; a repeated batch counts again
  std::uint64_t batches = 0;       // that ended well
  std::uint64_t inserts = 0;       // sent, tries and parts among them
  std::uint64_t dead_letters = 0;  // messages
  std::uint64_t lost = 0;          // sequences that were gone before they could be read
  std::uint64_t done_up_to = 0;    // the last sequence of the last batch; 0 before this one owns the pipeline
  std::uint64_t lag = 0;           // sequences behind that one, when the stream was last looked at
};

// Thread-safe, but run() is called once. Broker and engine must outlive it; time is the broker's.
class ClickHousePipeline {
 public:
  ClickHousePipeline(Broker& broker, ClickHouse& engine, RowMapping mapping, ClickHousePipelineOptions options);
  ~ClickHousePipeline();

  // Works while it owns the pipeline, stands by otherwise. Returns after `stop`: a batch that was begun is recorded as
  // done, or as one that the next owner repeats. What passes (no connection, a server that is busy or full) is tried
  // again for ever. Errors are a person's: kInvalidArgument (options; the mapping does not fit the table; the guarantee
  // cannot be had; the table refuses row after row: says what to change), kNotFound (stream, table), kDenied, kConflict
  // (new_stream), kCorrupt (the record).
  Result<void> run(std::stop_token stop);

  PipelineCounts counts() const;
  bool is_owner() const;
  // Since run() has looked at the table: what a crash can do.
  bool exactly_once() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leat
