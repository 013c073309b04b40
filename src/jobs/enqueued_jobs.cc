#include "jobs/enqueued_jobs.h"

#include "core/text.h"
#include "jobs/attempt_record.h"
#include "jobs/endings.h"
#include "jobs/job_streams.h"
#include "jobs/unique_key.h"
#include "jobs/waiting_job.h"

namespace leat {
namespace {

using std::chrono::milliseconds;

std::optional<std::uint64_t> number_in(const Message& message, std::string_view header) {
  return parse_number(message.headers.get(header).value_or(""));
}

Headers own_headers(const Message& message) {
  Headers own;
  for (const auto& [name, value] : message.headers) {
    if (!name.starts_with("Leat-") && !name.starts_with("Nats-")) own.set(name, value);
  }
  return own;
}

// As Enqueuer::make_request() writes them.
PushOptions options_of(const Message& message, const JobId& id) {
  PushOptions options{.priority = id.priority()};
  if (id.key().starts_with(wire::kBulkToken)) options.lane = Lane::kBulk;
  if (keeps_result(message)) options.result = KeepResult::kYes;
  if (const auto count = number_in(message, wire::kMaxAttempts)) options.max_attempts = static_cast<unsigned>(*count);
  if (const auto retry = RetryPolicy::from_json(message.headers.get(wire::kRetry).value_or(""))) options.retry = *retry;
  if (const auto limit = number_in(message, wire::kTimeout)) options.timeout = milliseconds(*limit);
  if (const auto at = number_in(message, wire::kDeadline)) options.deadline = SystemTime(milliseconds(*at));
  if (auto key = decode_unique_key(id.key())) options.unique = Unique{.key = std::move(*key)};
  options.track = is_tracked(message);
  return options;
}

}  // namespace

Result<std::vector<EnqueuedJob>> EnqueuedJobs::read(const EnqueuedFilter& filter) {
  std::vector<EnqueuedJob> jobs;
  for (const Priority priority : kPriorities) {
    if (auto added = add_from(names_.stream(priority), filter, jobs); !added) return added.error();
  }
  if (auto added = add_attempts(jobs); !added) return added.error();
  if (auto added = add_from(names_.scheduled_stream(), filter, jobs); !added) return added.error();
  return jobs;
}

Result<void> EnqueuedJobs::add_from(const std::string& stream, const EnqueuedFilter& filter,
                                    std::vector<EnqueuedJob>& jobs) {
  auto reader = broker_.open_reader({.stream = stream});
  if (!reader) return reader.error().code() == ErrorCode::kNotFound ? Result<void>() : reader.error();
  while (true) {
    auto messages = (*reader)->read({}, {});
    if (!messages) return messages.error();
    if (messages->empty()) return {};
    for (StoredMessage& message : *messages) {
      if (is_held_(stream, message.sequence)) continue;
      if (!filter.kind.empty() && message.headers.get(wire::kKind) != filter.kind) continue;
      auto job = decode(std::move(message));
      if (!job) return job.error();
      if (filter.queue.empty() || job->id.queue() == filter.queue) jobs.push_back(std::move(*job));
    }
  }
}

Result<EnqueuedJob> EnqueuedJobs::decode(StoredMessage message) const {
  EnqueuedJob job;
  const auto scheduled = names_.scheduled_id(message.subject);
  auto id = scheduled ? Result<JobId>(*scheduled) : names_.id_of(message);
  if (!id) return id.error();
  job.id = std::move(*id);
  job.kind = message.headers.get(wire::kKind).value_or("");
  job.options = options_of(message, job.id);
  job.enqueued_at = enqueued_at(message);
  if (is_waiting_job(message)) {
    auto waiting = read_waiting(message);
    if (!waiting) return waiting.error();
    job.options.after = std::move(waiting->parents);
    job.options.if_dead = waiting->if_dead;
    if (auto plain = make_plain(message); !plain) return plain.error();
    job.state = JobStatus::State::kWaiting;
  } else if (scheduled) {
    job.state = JobStatus::State::kScheduled;
  }
  job.headers = own_headers(message);
  job.payload = std::move(message.payload);
  return job;
}

// Of jobs that were begun before.
Result<void> EnqueuedJobs::add_attempts(std::vector<EnqueuedJob>& jobs) {
  if (jobs.empty()) return {};
  const auto attempts = open_attempts(broker_, names_);
  if (!attempts) return attempts.error();
  std::vector<std::string> keys;
  keys.reserve(jobs.size());
  for (const EnqueuedJob& job : jobs) keys.push_back(job.id.str());
  const auto entries = (*attempts)->read(keys);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!entries[i]) return entries[i].error();
    if (!*entries[i]) continue;
    const auto record = AttemptRecord::from_json((*entries[i])->value);
    if (!record) continue;
    jobs[i].attempts = record->attempts();
    if (!record->due || *record->due <= broker_.clock().now()) continue;
    jobs[i].state = JobStatus::State::kRetrying;
    jobs[i].due = record->due;
  }
  return {};
}

}  // namespace leat
