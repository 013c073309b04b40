#include "jobs/job_streams.h"

#include <array>

#include "jobs/worker_record.h"

namespace leat {
namespace {

constexpr Duration kDeadLettersKept = std::chrono::hours(24 * 30);
constexpr Duration kDoneRecordsKept = std::chrono::hours(24 * 7);

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
  const std::array<StreamConfig, 3> kept{
      {{.name = names.dead_stream(), .subjects = {names.dead_filter()}, .max_age = kDeadLettersKept},
       {.name = names.scheduled_stream(), .subjects = {names.scheduled_filter()}, .max_messages_per_subject = 1},
       {.name = names.done_stream(),
        .subjects = {names.done_filter()},
        .max_age = kDoneRecordsKept,
        .max_messages_per_subject = 1}}};
  for (StreamConfig config : kept) {
    config.replicas = replicas;
    if (auto ensured = ensure(broker, config, log); !ensured) return ensured;
  }
  return {};
}

Result<std::unique_ptr<KeyValue>> open_attempts(Broker& broker, const Names& names, unsigned replicas) {
  return broker.open_bucket({.name = names.attempts_bucket(), .replicas = replicas});
}

Result<std::unique_ptr<KeyValue>> open_results(Broker& broker, const Names& names, Duration ttl, unsigned replicas) {
  return broker.open_bucket({.name = names.results_bucket(), .ttl = ttl, .replicas = replicas});
}

Result<std::unique_ptr<KeyValue>> open_leader(Broker& broker, const Names& names, unsigned replicas) {
  return broker.open_bucket({.name = names.leader_bucket(), .replicas = replicas});
}

Result<std::unique_ptr<KeyValue>> open_schedules(Broker& broker, const Names& names, unsigned replicas) {
  return broker.open_bucket({.name = names.schedules_bucket(), .replicas = replicas});
}

Result<std::unique_ptr<KeyValue>> open_workers(Broker& broker, const Names& names, unsigned replicas) {
  return broker.open_bucket({.name = names.workers_bucket(), .ttl = kWorkerGoneAfter, .replicas = replicas});
}

Result<std::unique_ptr<KeyValue>> open_control(Broker& broker, const Names& names, unsigned replicas) {
  return broker.open_bucket({.name = names.control_bucket(), .replicas = replicas});
}

}  // namespace leat
