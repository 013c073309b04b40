// What `leat ingest` does: sample events into a stream, and from there into ClickHouse, side by side under a Runner.
#pragma once

#include <functional>
#include <string>

#include "leat/broker.h"
#include "leat/log.h"

namespace leat::cli {

struct IngestOptions {
  std::string clickhouse_url = "chdb:leat-ingest";
  std::string library{};  // libchdb.so, for chdb:; looked for unless given
  std::string stream = "processed_envelopes";
  std::string name_space = "leat";  // of the pipeline's own stream and bucket
  std::uint64_t count = 0;          // of events; 0: until SIGINT or SIGTERM
  std::uint64_t rate = 1000;        // a second; 0: as many as the broker takes
  std::uint64_t devices = 100;
  std::uint64_t seed = 0;  // 0: another one each time
  unsigned replicas = 1;   // of what is made on a cluster, 1 to 5
  std::string health{};    // HOST:PORT of /live and /ready; nowhere unless given
};

// Held against each other in the end: the stream and the table.
struct IngestReport {
  std::uint64_t events = 0;    // that this run has added to the stream
  std::uint64_t rows = 0;      // of them in the table
  std::uint64_t distinct = 0;  // of the rows
  std::uint64_t dead_letters = 0;
  bool exactly_once = false;  // what the pipeline promises here
  Duration took{0};

  bool is_exact() const { return rows == distinct && rows == events; }
};

// Opens the broker when ClickHouse is there. Returns when `count` events are in the table, or after a signal, whenever
// it comes. Errors: those of broker and ClickHouse.
Result<IngestReport> ingest(const std::function<Result<Broker*>()>& open, const IngestOptions& options, Log& log);

}  // namespace leat::cli
