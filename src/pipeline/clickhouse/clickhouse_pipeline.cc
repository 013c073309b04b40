#include "leat/clickhouse_pipeline.h"

#include "broker/config_checks.h"
#include "broker/drift_report.h"
#include "core/invalid_argument.h"
#include "core/text.h"
#include "core/ulid.h"
#include "pipeline/clickhouse/pipeline_owner.h"

namespace leat {
namespace {

constexpr std::size_t kMostRows = 1'000'000;

BucketConfig records_bucket(const ClickHousePipelineOptions& options) {
  return {.name = options.bucket, .replicas = options.replicas};
}

}  // namespace

Result<void> check_pipeline_options(const ClickHousePipelineOptions& options) {
  for (const auto& [what, name] : {std::pair{"pipeline name", &options.name},
                                   {"stream", &options.stream},
                                   {"dead_letters", &options.dead_letters},
                                   {"bucket", &options.bucket}}) {
    if (!is_plain_name(*name)) {
      return invalid_argument(std::string(what) + " \"" + *name + "\": use 1 to 64 letters, digits, `_` or `-`");
    }
  }
  if (auto valid = check_filter(options.filter); !valid) return valid;
  if (options.max_rows < 1 || options.max_rows > kMostRows) return invalid_argument("max_rows is 1 to 1'000'000");
  if (options.max_bytes < 1) return invalid_argument("max_bytes is 1 or more");
  if (options.max_wait < std::chrono::milliseconds(1)) return invalid_argument("max_wait is 1 ms or more");
  if (options.first_pause < std::chrono::milliseconds(1)) return invalid_argument("first_pause is 1 ms or more");
  if (options.owner_ttl < std::chrono::seconds(1)) return invalid_argument("owner_ttl is 1 s or more");
  if (options.stop_grace < Duration::zero()) return invalid_argument("stop_grace is 0 or more");
  if (auto valid = check_stream_config(DeadLetterBox::stream(options)); !valid) {
    return valid.error().with_context("dead_letters");
  }
  return check_bucket_config(records_bucket(options));
}

// What lives as long as the object; a run makes the rest.
struct ClickHousePipeline::State {
  State(Broker& its_broker, ClickHouse& its_engine, RowMapping its_mapping, ClickHousePipelineOptions its_options)
      : broker(its_broker),
        engine(its_engine),
        mapping(std::move(its_mapping)),
        options(std::move(its_options)),
        log(options.log != nullptr ? *options.log : no_log()) {}

  Broker& broker;
  ClickHouse& engine;
  const RowMapping mapping;
  ClickHousePipelineOptions options;
  Log& log;
  PipelineBoard board;
  mutable Mutex mutex;
  const LeaderLock* lock LEAT_GUARDED_BY(mutex) = nullptr;  // while run() is in it

  Result<void> run(const std::stop_token& stop);
  Result<TableFacts> ask_table(const std::stop_token& stop) const;
  Result<void> judge(const TableFacts& table) const;
  Result<std::unique_ptr<KeyValue>> prepare_broker(const std::stop_token& stop) const;
  void show(const LeaderLock* shown) LEAT_EXCLUDES(mutex);

  template <class Try>
  auto again(Try attempt, const std::stop_token& stop) const {
    return try_again(attempt, Backoff(broker.clock(), {options.first_pause, options.longest_pause}), log, options.name,
                     stop);
  }
};

Result<TableFacts> ClickHousePipeline::State::ask_table(const std::stop_token& stop) const {
  return again([this] { return check_table(engine, mapping.encoder); }, stop);
}

Result<void> ClickHousePipeline::State::judge(const TableFacts& table) const {
  if (table.exactly_once) return {};
  if (options.guarantee == ClickHousePipelineOptions::Guarantee::kExactlyOnce) {
    return invalid_argument("pipeline \"" + options.name + "\" cannot write into " + mapping.encoder.table() +
                            " exactly once: " + table.remedy);
  }
  log.warn("rows can be stored twice after a crash",
           {{"pipeline", options.name}, {"table", mapping.encoder.table()}, {"remedy", table.remedy}});
  return {};
}

Result<std::unique_ptr<KeyValue>> ClickHousePipeline::State::prepare_broker(const std::stop_token& stop) const {
  return again(
      [this]() -> Result<std::unique_ptr<KeyValue>> {
        if (const auto facts = source_facts(broker, options.stream); !facts) return facts.error();
        if (auto made = DeadLetterBox(broker, options).ensure(); !made) return made.error();
        auto bucket = broker.open_bucket(records_bucket(options));
        if (bucket) report_drift(drift_log(options.log), "bucket", options.bucket, (*bucket)->drift());
        return bucket;
      },
      stop);
}

void ClickHousePipeline::State::show(const LeaderLock* shown) {
  MutexLock locked(mutex);
  lock = shown;
}

Result<void> ClickHousePipeline::State::run(const std::stop_token& stop) {
  if (auto valid = check_pipeline_options(options); !valid) return valid;
  const auto table = ask_table(stop);
  if (!table) return stop.stop_requested() ? Result<void>() : table.error();
  board.set_exactly_once(table->exactly_once);
  if (auto judged = judge(*table); !judged) return judged;
  const auto records = prepare_broker(stop);
  if (!records) return stop.stop_requested() ? Result<void>() : records.error();
  if (options.on_ready) options.on_ready();
  LeaderLock leader({**records, broker.clock(), options.name + ".owner", options.holder, options.owner_ttl, log});
  show(&leader);
  leader.start();
  PipelineOwner owner({broker, engine, mapping, options, *table, **records, leader, board, log});
  auto ended = owner.run(stop);
  leader.stop();
  show(nullptr);
  return ended;
}

ClickHousePipeline::ClickHousePipeline(Broker& broker, ClickHouse& engine, RowMapping mapping,
                                       ClickHousePipelineOptions options) {
  if (options.holder.empty()) options.holder = make_ulid(broker.clock().now());
  state_ = std::make_unique<State>(broker, engine, std::move(mapping), std::move(options));
}

ClickHousePipeline::~ClickHousePipeline() = default;

Result<void> ClickHousePipeline::run(std::stop_token stop) {
  return state_->run(stop);
}

PipelineCounts ClickHousePipeline::counts() const {
  return state_->board.counts();
}

bool ClickHousePipeline::is_owner() const {
  MutexLock lock(state_->mutex);
  return state_->lock != nullptr && state_->lock->is_held();
}

bool ClickHousePipeline::exactly_once() const {
  return state_->board.exactly_once();
}

}  // namespace leat
