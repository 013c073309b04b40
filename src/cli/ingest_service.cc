#include "cli/ingest_service.h"

#include "cli/service_phases.h"
#include "core/mutex.h"
#include "core/text.h"
#include "leat/clickhouse_pipeline.h"
#include "pipeline/clickhouse/backoff.h"
#include "pipeline/clickhouse/sample_envelopes.h"

namespace leat::cli {
namespace {

constexpr Duration kCountEvery = std::chrono::milliseconds(50);
constexpr Duration kTellEvery = std::chrono::seconds(5);
constexpr const char* kTableName = "processed_envelopes";
constexpr std::string_view kTable = R"(-- +goose Up
CREATE TABLE processed_envelopes (
  sequence UInt64,
  end_device_id LowCardinality(String),
  organization_id LowCardinality(String),
  occurred_at DateTime64(6, 'UTC'),
  processed_at DateTime64(6, 'UTC'),
  data String
) ENGINE = MergeTree ORDER BY (organization_id, end_device_id, occurred_at)
SETTINGS non_replicated_deduplication_window = 1000;

-- +goose Down
DROP TABLE processed_envelopes;
)";

class Ingest {
 public:
  Ingest(ServicePhases::OpenBroker open, const IngestOptions& options, Log& log)
      : open_(std::move(open)), options_(options), log_(log), phases_(log) {}

  Result<IngestReport> run() {
    const SteadyTime begin = real_clock().steady();
    if (auto ran = run_processes(); !ran) return ran.error();
    auto report = compare();
    if (!report && !all_written_ && is_passing(report.error())) {
      log_.warn("what was written cannot be counted now", {{"error", report.error().message()}});
      report = IngestReport{};
    }
    if (!report) return report;
    report->took = real_clock().steady() - begin;
    return report;
  }

 private:
  Result<void> run_processes() {
    Runner runner(
        {.when_one_returns = RunnerOptions::WhenOneReturns::kAllStop, .health = options_.health, .log = &log_});
    runner.ready_check("broker", [&] { return phases_.broker_check(); });
    runner.process("pipeline", Runner::ReadyProcess([&](const Runner::Ready& ready, const std::stop_token& stop) {
                     return write(ready, stop);
                   }));
    runner.process("producer", [&](const std::stop_token& stop) { return produce(stop); });
    runner.run();
    log_.info("phase", {{"name", "shutdown"}});
    if (runner.failure()) return *runner.failure();
    return {};
  }

  Result<void> write(const Runner::Ready& ready, const std::stop_token& stop) {
    auto prepared = prepare(ready, stop);
    if (!prepared || stop.stop_requested()) return prepared;
    log_.info("phase", {{"name", "processes"}});
    return pipeline_->run(stop);
  }

  Result<void> prepare(const Runner::Ready& ready, const std::stop_token& stop) {
    auto done = phases_.open_engine(options_.clickhouse_url, options_.library, stop);
    if (done) done = phases_.migrate([] { return migrations(); }, stop);
    if (done) done = phases_.open_stream(open_, stream(), stop);
    if (done) done = phases_.run({{"name", "mapping"}}, stop, [&] { return make_processes(ready); });
    return done;
  }

  static Result<std::vector<MigrationFile>> migrations() {
    auto file = parse_migration("20260101000000_create_processed_envelopes.sql", kTable);
    if (!file) return file.error();
    return std::vector{std::move(*file)};
  }

  StreamConfig stream() const {
    return {.name = options_.stream, .subjects = {options_.stream + ".>"}, .replicas = options_.replicas};
  }

  Result<void> make_processes(const Runner::Ready& ready) {
    const auto facts = phases_.broker().admin().stream(options_.stream);
    if (!facts) return facts.error();
    before_ = facts->last_sequence;
    auto samples = SampleEnvelopes::open(sample_options());
    if (!samples) return samples.error();
    samples_ = std::move(*samples);
    auto mapping = map_table();
    if (!mapping) return mapping.error();
    pipeline_.emplace(phases_.broker(), phases_.engine(), std::move(*mapping), pipeline_options(ready));
    return {};
  }

  Result<RowMapping> map_table() {
    const auto table = describe_table(phases_.engine(), kTableName);
    if (!table) return table.error();
    return map_envelopes(*table, {.columns = {{"sequence", "$sequence"}}, .others = MappingOptions::Others::kByName});
  }

  SampleEnvelopeOptions sample_options() const {
    const SystemTime now = real_clock().now();
    return {.stream = options_.stream,
            .subject = options_.stream,
            .seed = options_.seed != 0 ? options_.seed : static_cast<std::uint64_t>(now.time_since_epoch().count()),
            .devices = static_cast<std::uint32_t>(options_.devices),
            .organizations = static_cast<std::uint32_t>(std::min<std::uint64_t>(options_.devices, 10)),
            .count = options_.count,
            .rate = static_cast<double>(options_.rate),
            .begin = now};
  }

  ClickHousePipelineOptions pipeline_options(const Runner::Ready& ready) {
    return {.name = "ingest",
            .stream = options_.stream,
            .max_wait = std::chrono::milliseconds(500),
            .dead_letters = options_.name_space + "_pipelines_dlq",
            .bucket = options_.name_space + "_pipelines",
            .replicas = options_.replicas,
            .on_ready = ready,
            .log = &log_};
  }

  // Returns when all that it has appended is in the table.
  Result<void> produce(const std::stop_token& stop) {
    auto appended = samples_->append_all(phases_.broker(), stop);
    if (!appended) return appended.error();
    const auto facts = stream_facts(stop);
    if (!facts) return stop.stop_requested() ? Result<void>() : facts.error();
    SteadyTime told = real_clock().steady();
    while (!stop.stop_requested() && pipeline_->counts().done_up_to < facts->last_sequence) {
      sleep_for(real_clock(), kCountEvery, stop);
      if (real_clock().steady() - told < kTellEvery) continue;
      told = real_clock().steady();
      log_.info("waits for the pipeline", {{"rows", pipeline_->counts().rows}, {"events", *appended}});
    }
    all_written_ = !stop.stop_requested();
    return {};
  }

  // A broker that is away is waited for.
  Result<StreamFacts> stream_facts(const std::stop_token& stop) {
    return try_again([&] { return phases_.broker().admin().stream(options_.stream); },
                     Backoff(real_clock(), {kCountEvery, kTellEvery}), log_, "ingest", stop);
  }

  Result<IngestReport> compare() {
    if (!pipeline_) return IngestReport{};  // a signal came before
    const auto facts = phases_.broker().admin().stream(options_.stream);
    if (!facts) return facts.error();
    const std::string range = " FROM processed_envelopes WHERE sequence > " + std::to_string(before_) +
                              " AND sequence <= " + std::to_string(facts->last_sequence);
    const auto counted = query_rows(phases_.engine(), "SELECT count(), uniqExact(sequence)" + range);
    if (!counted) return counted.error();
    const auto number = [&](std::size_t i) { return parse_number(counted->at(0).at(i).value_or("0")).value_or(0); };
    return IngestReport{.events = facts->last_sequence - before_,
                        .rows = number(0),
                        .distinct = number(1),
                        .dead_letters = pipeline_->counts().dead_letters,
                        .exactly_once = pipeline_->exactly_once()};
  }

  const ServicePhases::OpenBroker open_;
  const IngestOptions& options_;
  Log& log_;
  ServicePhases phases_;
  std::optional<SampleEnvelopes> samples_;
  std::optional<ClickHousePipeline> pipeline_;
  std::uint64_t before_ = 0;  // the stream's last sequence when it began
  bool all_written_ = false;
};

}  // namespace

Result<IngestReport> ingest(const std::function<Result<Broker*>()>& open, const IngestOptions& options, Log& log) {
  return Ingest(open, options, log).run();
}

}  // namespace leat::cli
