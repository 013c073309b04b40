#include "jobs/job_streams.h"

#include <vector>

#include "jobs/worker_record.h"

namespace leat {
namespace {

constexpr Duration kDeadLettersKept = std::chrono::hours(24 * 30);
constexpr Duration kDoneRecordsKept = std::chrono::hours(24 * 7);

Result<void> ensure(Broker& broker, const Names& names, StreamConfig config, Log& drift) {
  config.storage = names.options().storage;
  config.replicas = names.options().replicas;
  const auto ensured = broker.ensure_stream(config);
  if (!ensured) return ensured.error().with_context("stream " + config.name);
  report_drift(drift, "stream", config.name, ensured->drift);
  return {};
}

Result<bool> exists(Broker& broker, const std::string& stream) {
  const auto facts = broker.admin().stream(stream);
  if (!facts && facts.error().code() != ErrorCode::kNotFound) return facts.error();
  return facts.has_value();
}

// Without dead letters only when the namespace has no stream for them: else somebody may rely on it.
Result<Letters> ensure_dead_letters(Broker& broker, const Names& names, Log& drift) {
  if (!names.options().enable_dlq) {
    const auto there = exists(broker, names.dead_stream());
    if (!there) return there.error();
    if (!*there) return Letters::kNone;
    report_drift(drift, "stream", names.dead_stream(), std::vector<Drift>{{"enable_dlq", "false", "true"}});
  }
  const auto ensured =
      ensure(broker, names,
             {.name = names.dead_stream(), .subjects = {names.dead_filter()}, .max_age = kDeadLettersKept}, drift);
  return ensured ? Result<Letters>(Letters::kKept) : ensured.error();
}

Bucket open(Broker& broker, const Names& names, const std::string& name, Duration ttl, Log& drift) {
  auto bucket = broker.open_bucket(
      {.name = name, .ttl = ttl, .replicas = names.options().replicas, .storage = names.options().storage});
  if (bucket) report_drift(drift, "bucket", name, (*bucket)->drift());
  return bucket;
}

}  // namespace

Result<Letters> ensure_job_streams(Broker& broker, const Names& names, Log& drift) {
  std::vector<StreamConfig> streams;
  for (const Priority priority : kPriorities) {
    streams.push_back({.name = names.stream(priority),
                       .subjects = {names.stream_filter(priority)},
                       .retention = Retention::kWorkQueue,
                       .max_age = names.options().max_age});
  }
  streams.push_back(
      {.name = names.scheduled_stream(), .subjects = {names.scheduled_filter()}, .max_messages_per_subject = 1});
  streams.push_back({.name = names.done_stream(),
                     .subjects = {names.done_filter()},
                     .max_age = kDoneRecordsKept,
                     .max_messages_per_subject = 1});
  for (const StreamConfig& config : streams) {
    if (auto ensured = ensure(broker, names, config, drift); !ensured) return ensured.error();
  }
  return ensure_dead_letters(broker, names, drift);
}

Bucket open_attempts(Broker& broker, const Names& names, Log& drift) {
  return open(broker, names, names.attempts_bucket(), Duration{0}, drift);
}

Bucket open_results(Broker& broker, const Names& names, Log& drift) {
  return open(broker, names, names.results_bucket(), names.options().result_ttl, drift);
}

Bucket open_leader(Broker& broker, const Names& names, Log& drift) {
  return open(broker, names, names.leader_bucket(), Duration{0}, drift);
}

Bucket open_schedules(Broker& broker, const Names& names, Log& drift) {
  return open(broker, names, names.schedules_bucket(), Duration{0}, drift);
}

Bucket open_workers(Broker& broker, const Names& names, Log& drift) {
  return open(broker, names, names.workers_bucket(), kWorkerGoneAfter, drift);
}

Bucket open_control(Broker& broker, const Names& names, Log& drift) {
  return open(broker, names, names.control_bucket(), Duration{0}, drift);
}

}  // namespace leat
