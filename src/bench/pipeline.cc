#include "bench/pipeline.h"

#include <algorithm>
#include <filesystem>

#include "bench/measure.h"
#include "core/mutex.h"
#include "core/text.h"
#include "core/thread.h"
#include "core/ulid.h"
#include "leat/batch_writer.h"
#include "leat/clickhouse.h"
#include "leat/clickhouse_pipeline.h"

namespace leat {
namespace {

constexpr std::size_t kBatch = 50'000;
constexpr Duration kLongestPipeline = std::chrono::minutes(10);

struct Event {
  std::uint64_t number = 0;
  SystemTime at{};
  std::string payload{};

  static constexpr auto row() {
    return leat::row(column("number", &Event::number), column("at", &Event::at), column("payload", &Event::payload));
  }
};

struct Reading {
  std::uint64_t number = 0;
  SystemTime at{};
  std::string place{};
  double value = 0;
  std::string kind{};

  static constexpr auto row() {
    return leat::row(column("number", &Reading::number), column("at", &Reading::at), column("place", &Reading::place),
                     column("value", &Reading::value), column("kind", &Reading::kind));
  }
};

// A table that goes when it dies.
class BenchTable {
 public:
  BenchTable(ClickHouse& engine, const std::string& columns)
      : engine_(engine), name_("leat_bench_" + lower_case(make_ulid(real_clock().now()))) {
    engine_
        .execute("CREATE TABLE " + name_ + " (" + columns + ") ENGINE = MergeTree ORDER BY number" +
                 (engine_.facts().tokens ? " SETTINGS non_replicated_deduplication_window = 1000" : ""))
        .value();
  }
  ~BenchTable() { static_cast<void>(engine_.execute("DROP TABLE " + name_).has_value()); }
  BenchTable(const BenchTable&) = delete;
  BenchTable& operator=(const BenchTable&) = delete;

  TableDescription describe() const { return describe_table(engine_, name_).value(); }
  // The numbers 0 to `count` - 1 are there, each once.
  bool is_exact(std::uint64_t count) const {
    const std::string wanted =
        std::to_string(count) + "\t" + std::to_string(count) + "\t" + std::to_string(count * (count - 1) / 2) + "\n";
    return engine_.query("SELECT count(), uniqExact(number), sum(number) FROM " + name_).value() == wanted;
  }

 private:
  ClickHouse& engine_;
  const std::string name_;
};

// The engine that was asked for; its own in this process, in a directory that goes, unless one was.
class BenchEngine {
 public:
  explicit BenchEngine(const BenchOptions& options) {
    const std::string& url = options.clickhouse;
    if (url.empty()) {
      directory_ = std::filesystem::temp_directory_path() / ("leat-bench-" + make_ulid(real_clock().now()));
    }
    const std::string embedded = "chdb:" + directory_.string();
    engine_ = open_clickhouse(url.empty() ? embedded : url, {.library = options.library}).value();
  }
  ~BenchEngine() {
    engine_.reset();
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
  }
  BenchEngine(const BenchEngine&) = delete;
  BenchEngine& operator=(const BenchEngine&) = delete;

  ClickHouse& operator*() { return *engine_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<ClickHouse> engine_;
};

RowMapping event_mapping(const BenchTable& table) {
  const RowEncoder encoder = RowEncoder::open<Event>(table.describe()).value();
  return {encoder, [encoder](RowBatch& batch, const StoredMessage& message) -> Result<void> {
            const auto number = parse_number(std::string_view(message.payload).substr(0, message.payload.find(' ')));
            if (!number) return Error(ErrorCode::kInvalidArgument, "no number");
            return encoder.encode(batch, Event{*number, message.time, message.payload});
          }};
}

void fill_stream(const BenchOptions& options, Broker& broker, const std::string& stream) {
  broker.ensure_stream({.name = stream, .subjects = {stream + ".>"}}).value();
  constexpr std::size_t kAtOnce = 10'000;
  for (std::size_t at = 0; at < options.jobs; at += kAtOnce) {
    std::vector<AppendRequest> requests(std::min(kAtOnce, options.jobs - at));
    for (std::size_t i = 0; i < requests.size(); ++i) {
      std::string payload = std::to_string(at + i) + " ";
      payload.resize(std::max(payload.size(), options.payload), 'x');
      requests[i].message = {.subject = stream + ".event", .headers = {}, .payload = std::move(payload)};
    }
    for (const auto& appended : broker.append(stream, requests)) appended.value();
  }
}

// Events per second, from the pipeline's beginning until its last range is done.
double run_pipeline(Broker& broker, ClickHouse& engine, const BenchTable& table, const std::string& stream,
                    std::size_t events) {
  const std::string bucket = stream + "_records";
  ClickHousePipeline pipeline(broker, engine, event_mapping(table),
                              {.name = "bench_" + make_ulid(real_clock().now()),
                               .stream = stream,
                               .max_rows = kBatch,
                               .dead_letters = stream + "_dlq",
                               .bucket = bucket});
  std::stop_source stop;
  Result<void> ended;
  std::atomic<bool> over{false};
  const SteadyTime begin = real_clock().steady();
  double seconds = 0;
  {
    const Thread thread = start_thread("pipeline", [&](const std::stop_token&) {
      ended = pipeline.run(stop.get_token());
      over = true;
    });
    constexpr Duration kPoll = std::chrono::milliseconds(2);
    while (!over && pipeline.counts().done_up_to < events && real_clock().steady() - begin < kLongestPipeline) {
      sleep_for(real_clock(), kPoll, {});
    }
    seconds = seconds_since(begin);
    stop.request_stop();
  }
  ended.value();
  return static_cast<double>(events) / seconds;
}

Reading reading_of(std::uint64_t number, SystemTime begin) {
  return {.number = number,
          .at = begin + std::chrono::milliseconds(number),
          .place = "building 7, room " + std::to_string(number % 5000),
          .value = static_cast<double>(number % 1000) * 0.25,
          .kind = number % 3 == 0 ? "temperature" : "humidity"};
}

double write_readings(ClickHouse& engine, const BenchTable& table, std::uint64_t rows) {
  const BatchWriter writer(engine, RowEncoder::open<Reading>(table.describe()).value());
  const SteadyTime begin = real_clock().steady();
  const SystemTime first = real_clock().now();
  RowBatch batch;
  for (std::uint64_t i = 0; i < rows; ++i) {
    writer.encoder().encode(batch, reading_of(i, first)).value();
    if (!writer.full(batch) && i + 1 < rows) continue;
    writer.write(batch).value();
    batch.clear();
  }
  return static_cast<double>(rows) / seconds_since(begin);
}

}  // namespace

BenchReport measure_pipeline(const BenchOptions& options, Broker& broker, RawClient* raw) {
  BenchEngine engine(options);
  const std::string stream = "bench_" + make_ulid(real_clock().now());
  fill_stream(options, broker, stream);
  BenchReport report{.name = "pipeline", .jobs = options.jobs, .exact = true};
  const std::string at = (*engine).facts().tokens ? "DateTime64(3)" : "DateTime";
  std::vector<double> per_s, raw_per_s, ratios;
  for (unsigned round = 0; round < options.rounds; ++round) {
    const auto raw_figure = raw != nullptr ? raw->read_stream(stream, options.jobs, kBatch) : Result<double>(0.0);
    const BenchTable table(*engine, "number UInt64, at " + at + ", payload String");
    per_s.push_back(run_pipeline(broker, *engine, table, stream, options.jobs));
    report.exact = report.exact && table.is_exact(options.jobs);
    if (!raw_figure || *raw_figure == 0) continue;
    raw_per_s.push_back(*raw_figure);
    ratios.push_back(per_s.back() / *raw_figure);
  }
  report.per_s = median(per_s);
  report.raw_per_s = median(raw_per_s);
  report.ratio = median(ratios);
  report.note = "pipeline: into ClickHouse " + (*engine).facts().version + " at " + (*engine).facts().address +
                "; raw reads the stream, acknowledges every 50,000th message and writes nothing";
  for (const std::string& made : {stream, stream + "_dlq", "KV_" + stream + "_records"}) {
    static_cast<void>(broker.admin().delete_stream(made).has_value());
  }
  return report;
}

BenchReport measure_writer(const BenchOptions& options) {
  BenchEngine engine(options);
  const std::uint64_t rows = 5 * static_cast<std::uint64_t>(options.jobs);
  const bool modern = (*engine).facts().tokens;
  BenchReport report{.name = "pipeline-writer", .jobs = rows, .exact = true};
  std::vector<double> per_s;
  for (unsigned round = 0; round < options.rounds; ++round) {
    const BenchTable table(*engine, modern ? "number UInt64, at DateTime64(3), place String, value Float64, kind "
                                             "LowCardinality(String)"
                                           : "number UInt64, at DateTime, place String, value Float64, kind String");
    per_s.push_back(write_readings(*engine, table, rows));
    report.exact = report.exact && table.is_exact(rows);
  }
  report.per_s = median(per_s);
  report.note = "pipeline-writer: rows of five columns into ClickHouse " + (*engine).facts().version;
  return report;
}

}  // namespace leat
