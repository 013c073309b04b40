#include "leat/queue_control.h"

#include "jobs/event_log.h"
#include "jobs/job_streams.h"
#include "jobs/names.h"

namespace leat {

class QueueControl::Records {
 public:
  Records(Broker& broker, NamespaceOptions name_space) : broker_(broker), names_(std::move(name_space)) {}

  // The control records, once the names are found valid.
  Result<std::unique_ptr<KeyValue>> open(std::optional<std::string_view> queue);
  Result<std::uint64_t> purge(Priority priority, std::string_view queue);
  void tell(JobEvent::What what, std::string_view queue, std::string why = {}) {
    EventLog::tell_now(broker_, names_, {{.what = what, .queue = std::string(queue), .error = std::move(why)}});
  }

 private:
  Result<void> forget_attempts(Priority priority, std::string_view queue);

  Broker& broker_;
  Names names_;
};

Result<std::unique_ptr<KeyValue>> QueueControl::Records::open(std::optional<std::string_view> queue) {
  if (auto named = names_.check(); !named) return named.error();
  if (queue) {
    if (auto named = check_queue_name(*queue); !named) return named.error();
  }
  return open_control(broker_, names_);
}

Result<std::uint64_t> QueueControl::Records::purge(Priority priority, std::string_view queue) {
  const auto purged = broker_.admin().purge(names_.stream(priority), names_.queue_filter(priority, queue));
  if (!purged) return purged.error().code() == ErrorCode::kNotFound ? Result<std::uint64_t>(0) : purged.error();
  if (auto forgotten = forget_attempts(priority, queue); !forgotten) return forgotten.error();
  return *purged;
}

// After the jobs, so that a purge that is cut off leaves records without a job, which do not count, and no job without
// its record.
Result<void> QueueControl::Records::forget_attempts(Priority priority, std::string_view queue) {
  const auto attempts = open_attempts(broker_, names_);
  if (!attempts) return attempts.error();
  const auto entries = (*attempts)->list(std::string(to_string(priority)) + "." + std::string(queue));
  if (!entries) return entries.error();
  std::vector<KeyWrite> erasures;
  for (const KeyEntry& entry : *entries) {
    erasures.push_back({.kind = KeyWrite::Kind::kErase, .key = entry.key, .value = {}, .revision = entry.revision});
  }
  for (const auto& erased : (*attempts)->write(erasures)) {
    // A conflict: a worker has written it meanwhile, for a job that came after the purge.
    if (!erased && erased.error().code() != ErrorCode::kConflict) return erased.error();
  }
  return {};
}

QueueControl::QueueControl(Broker& broker, NamespaceOptions name_space)
    : records_(std::make_unique<Records>(broker, std::move(name_space))) {}
QueueControl::~QueueControl() = default;

Result<void> QueueControl::pause(std::string_view queue) {
  const auto control = records_->open(queue);
  if (!control) return control.error();
  const auto created = (*control)->create(Names::pause_key(queue), "{}");
  if (!created && created.error().code() != ErrorCode::kConflict) return created.error();
  if (created) records_->tell(JobEvent::What::kPaused, queue);
  return {};
}

Result<void> QueueControl::resume(std::string_view queue) {
  const auto control = records_->open(queue);
  if (!control) return control.error();
  if (auto erased = (*control)->erase(Names::pause_key(queue)); !erased) return erased;
  records_->tell(JobEvent::What::kResumed, queue);
  return {};
}

Result<std::vector<std::string>> QueueControl::paused() {
  const auto control = records_->open(std::nullopt);
  if (!control) return control.error();
  const auto entries = (*control)->list(Names::kPausePrefix);
  if (!entries) return entries.error();
  std::vector<std::string> queues;
  for (const KeyEntry& entry : *entries) {
    if (const auto queue = Names::paused_queue(entry.key)) queues.emplace_back(*queue);
  }
  return queues;
}

Result<std::uint64_t> QueueControl::purge(std::string_view queue, std::optional<Priority> priority) {
  if (const auto control = records_->open(queue); !control) return control.error();
  std::uint64_t count = 0;
  for (const Priority one : kPriorities) {
    if (priority && one != *priority) continue;
    const auto purged = records_->purge(one, queue);
    if (!purged) return purged.error();
    count += *purged;
  }
  records_->tell(JobEvent::What::kPurged, queue, std::to_string(count) + (count == 1 ? " job" : " jobs"));
  return count;
}

}  // namespace leat
