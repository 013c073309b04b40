#include "jobs/job_streams.h"

namespace leat {
namespace {

constexpr Duration kDeadLettersKept = std::chrono::hours(24 * 30);

Result<void> ensure(Broker& broker, const StreamConfig& config, Log& log) {
  const auto ensured = broker.ensure_stream(config);
  if (!ensured) return ensured.error().with_context("stream " + config.name);
  for (const Drift& drift : ensured->drift) {
    log.warn("stream has other settings than this program wants; it is used as it is",
             {{"stream", config.name}, {"setting", drift.setting}, {"wanted", drift.wanted}, {"actual", drift.actual}});
  }
  return {};
}

}  // namespace

Result<void> ensure_job_streams(Broker& broker, const Names& names, unsigned replicas, Log& log) {
  for (const Priority priority : kPriorities) {
    const StreamConfig config{.name = names.stream(priority),
                              .subjects = {names.stream_filter(priority)},
                              .retention = Retention::kWorkQueue,
                              .replicas = replicas};
    if (auto ensured = ensure(broker, config, log); !ensured) return ensured;
  }
  return ensure(broker,
                {.name = names.dead_stream(),
                 .subjects = {names.dead_filter()},
                 .retention = Retention::kLimits,
                 .max_age = kDeadLettersKept,
                 .replicas = replicas},
                log);
}

Result<std::unique_ptr<KeyValue>> open_attempts(Broker& broker, const Names& names, unsigned replicas) {
  return broker.open_bucket({.name = names.attempts_bucket(), .replicas = replicas});
}

Result<std::unique_ptr<KeyValue>> open_results(Broker& broker, const Names& names, Duration ttl, unsigned replicas) {
  return broker.open_bucket({.name = names.results_bucket(), .ttl = ttl, .replicas = replicas});
}

Result<std::unique_ptr<KeyValue>> open_control(Broker& broker, const Names& names, unsigned replicas) {
  return broker.open_bucket({.name = names.control_bucket(), .replicas = replicas});
}

}  // namespace leat
