#include "cli/service_phases.h"

#include "broker/drift_report.h"
#include "pipeline/clickhouse/backoff.h"

namespace leat::cli {

Result<void> ServicePhases::run(std::initializer_list<LogField> told, const std::stop_token& stop, const Body& body) {
  if (stop.stop_requested()) return {};
  log_.info("phase", told);
  auto done = body();
  if (done || (stop.stop_requested() && is_passing(done.error()))) return {};
  return done.error().with_context(told.begin()->value);
}

Result<void> ServicePhases::open_engine(const std::string& url, const std::string& library,
                                        const std::stop_token& stop) {
  return run({{"name", "clickhouse"}}, stop, [&]() -> Result<void> {
    auto engine = open_clickhouse(url, {.library = library, .log = &log_, .stop = stop});
    if (!engine) return engine.error();
    engine_ = std::move(*engine);
    return {};
  });
}

Result<void> ServicePhases::migrate(const ReadFiles& files, const std::stop_token& stop) {
  return run({{"name", "migrations"}}, stop, [&]() -> Result<void> {
    auto read = files();
    if (!read) return read.error();
    const auto applied = Migrations(*engine_, std::move(*read), {.log = &log_}).up({}, stop);
    return applied ? Result<void>() : applied.error();
  });
}

Result<void> ServicePhases::open_stream(const OpenBroker& open, const StreamConfig& stream,
                                        const std::stop_token& stop) {
  return run({{"name", "broker"}, {"stream", stream.name}}, stop, [&]() -> Result<void> {
    const auto broker = open();
    if (!broker) return broker.error();
    broker_ = *broker;
    {
      MutexLock lock(mutex_);
      broker_answers_ = broker_answers(*broker_);
    }
    return stream.subjects.empty() ? Result<void>() : ensure(stream);
  });
}

Result<void> ServicePhases::ensure(const StreamConfig& stream) {
  const auto ensured = broker_->ensure_stream(stream);
  if (!ensured) return ensured.error();
  report_drift(log_, "stream", stream.name, ensured->drift);
  return {};
}

Result<void> ServicePhases::broker_check() {
  Runner::Check ask;
  {
    MutexLock lock(mutex_);
    ask = broker_answers_;
  }
  return ask ? ask() : Result<void>();
}

}  // namespace leat::cli
