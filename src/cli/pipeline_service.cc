#include "cli/pipeline_service.h"

#include <fstream>
#include <sstream>

#include "cli/service_phases.h"
#include "leat/open.h"

namespace leat::cli {
namespace {

MappingOptions mapping_options(const PipelineConfig& config) {
  using Options = MappingOptions;
  return {.columns = config.columns,
          .others = config.others == "by_name" ? Options::Others::kByName : Options::Others::kLeftOut,
          .missing = config.missing == "zero" ? RowEncoder::Missing::kZero : RowEncoder::Missing::kRefused,
          .unknown = config.unknown == "refused" ? RowEncoder::Unknown::kRefused : RowEncoder::Unknown::kIgnored};
}

Result<std::string> read_descriptor_set(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (!in) return Error(ErrorCode::kNotFound, "mapping.descriptor_set: " + file + " cannot be read, or it is empty");
  return bytes.str();
}

Result<RowMapping> mapping_of(const PipelineConfig& config, const TableDescription& table) {
  const MappingOptions options = mapping_options(config);
  if (config.mapping == "raw") return map_raw(table, options);
  if (config.mapping == "envelopes") return map_envelopes(table, options);
  if (config.mapping == "json") return map_json(table, options);
  const auto descriptors = read_descriptor_set(config.descriptor_set);
  if (!descriptors) return descriptors.error();
  return map_protobuf(table, *descriptors, config.message, options);
}

class PipelineService {
 public:
  PipelineService(const PipelineConfig& config, Log& log) : config_(config), log_(log), phases_(log) {}

  Result<void> run(const Runner::Ready& ready, const std::stop_token& stop) {
    auto prepared = prepare(stop);
    if (!prepared || stop.stop_requested()) return prepared;
    log_.info("phase", {{"name", "pipeline"}});
    ClickHousePipeline pipeline(phases_.broker(), phases_.engine(), std::move(*mapping_), options(ready));
    auto ended = pipeline.run(stop);
    const PipelineCounts counts = pipeline.counts();
    log_.info("phase", {{"name", "shutdown"},
                        {"rows", counts.rows},
                        {"inserts", counts.inserts},
                        {"dead_letters", counts.dead_letters}});
    return ended;
  }

  // From any thread.
  Result<void> broker_check() { return phases_.broker_check(); }

 private:
  Result<void> prepare(const std::stop_token& stop) {
    auto done = phases_.open_engine(config_.clickhouse_url, config_.library, stop);
    if (done && !config_.migrations.empty()) {
      done = phases_.migrate([&] { return read_migrations(config_.migrations); }, stop);
    }
    if (done) done = phases_.open_stream([&] { return open(); }, source_stream(config_), stop);
    if (done) {
      done = phases_.run({{"name", "mapping"}, {"kind", config_.mapping}, {"table", config_.table}}, stop,
                         [&] { return map_table(); });
    }
    return done;
  }

  Result<Broker*> open() {
    auto broker = open_broker(config_.url, {.log = &log_});
    if (!broker) return broker.error();
    broker_ = std::move(*broker);
    return broker_.get();
  }

  Result<void> map_table() {
    const auto table = describe_table(phases_.engine(), config_.table);
    if (!table && table.error().code() == ErrorCode::kNotFound) {
      return Error(ErrorCode::kNotFound, table.error().message() +
                                             " (make it, or name a directory of SQL files that do: "
                                             "clickhouse.migrations)");
    }
    if (!table) return table.error();
    auto mapping = mapping_of(config_, *table);
    if (!mapping) return mapping.error();
    mapping_ = std::move(*mapping);
    return {};
  }

  ClickHousePipelineOptions options(const Runner::Ready& ready) {
    ClickHousePipelineOptions options = pipeline_options(config_);
    options.on_ready = ready;
    options.log = &log_;
    return options;
  }

  const PipelineConfig& config_;
  Log& log_;
  std::unique_ptr<Broker> broker_;
  ServicePhases phases_;
  std::optional<RowMapping> mapping_;
};

}  // namespace

Result<int> run_pipeline(App& app, const PipelineConfig& config) {
  Log& log = app.log(LogLevel::kInfo);
  PipelineService service(config, log);
  Runner runner({.when_one_returns = RunnerOptions::WhenOneReturns::kAllStop, .health = config.health, .log = &log});
  runner.ready_check("broker", [&] { return service.broker_check(); });
  runner.process("pipeline", Runner::ReadyProcess([&](const Runner::Ready& ready, std::stop_token stop) {
                   return service.run(ready, stop);
                 }));
  const int code = runner.run();
  if (runner.failure()) return *runner.failure();
  return code;
}

}  // namespace leat::cli
