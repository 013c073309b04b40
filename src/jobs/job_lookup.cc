#include "jobs/job_lookup.h"

#include "core/text.h"
#include "jobs/call_out.h"
#include "jobs/dead_letter_message.h"
#include "jobs/due_time.h"
#include "jobs/job_streams.h"
#include "jobs/subscription_facts.h"
#include "jobs/waiting_job.h"
#include "jobs/worker_record.h"
#include "leat/dead_letters.h"

namespace leat {
namespace {

using State = JobStatus::State;

State state_of(JobResult::State state) {
  switch (state) {
    case JobResult::State::kDone: return State::kDone;
    case JobResult::State::kDead: return State::kDead;
    case JobResult::State::kCancelled: return State::kCancelled;
  }
  return State::kUnknown;
}

JobStatus status_of(const StoredMessage& job, State state) {
  return {
      .state = state, .kind = std::string(job.headers.get(wire::kKind).value_or("")), .enqueued_at = enqueued_at(job)};
}

JobStatus status_of(const JobResult& result) {
  return {.state = state_of(result.state),
          .attempts = result.attempts,
          .finished_at = result.finished_at,
          .error = result.error};
}

void add(const AttemptRecord& record, JobStatus& status) {
  status.attempts = record.attempts();
  for (const auto& failure : record.failures) {
    status.failures.push_back(
        {.number = failure.attempt, .at = failure.at, .worker = failure.worker, .error = failure.error});
  }
}

}  // namespace

Result<JobStatus> JobLookup::look(const JobId& id, const StatusOptions& options) {
  if (id.key().starts_with(wire::kBulkToken)) {
    return Error(
        ErrorCode::kInvalidArgument,
        "job " + id.str() + " went through the bulk lane and has no place of its own: nothing tells its state");
  }
  const auto scheduled = places_.scheduled(id);
  if (!scheduled) return scheduled.error();
  if (*scheduled) {
    auto status = status_of(**scheduled, is_waiting_job(**scheduled) ? State::kWaiting : State::kScheduled);
    status.due = due_time(**scheduled);
    return status;
  }
  const auto job = places_.queued(id);
  if (!job) return job.error();
  return *job ? queued(id, **job, options) : finished(id);
}

Result<JobStatus> JobLookup::queued(const JobId& id, const StoredMessage& job, const StatusOptions& options) {
  JobStatus status = status_of(job, State::kPending);
  const auto delivered = was_delivered(broker_, places_.names(), id, job.sequence);
  if (!delivered) return delivered.error();
  if (!*delivered) return status;
  const auto record = attempts(id, job.sequence);
  if (!record) return record.error();
  add(*record, status);
  if (record->due && *record->due > broker_.clock().now()) {
    status.state = State::kRetrying;
    status.due = record->due;
    return status;
  }
  const auto heard = hear_workers(id, status);
  if (!heard) return heard.error();
  if (*heard == Heard::kNobodyLives) return status;
  status.state = State::kRunning;
  if (record->started && status.worker.empty()) status.worker = record->started->worker;
  if (options.ask <= std::chrono::milliseconds::zero()) return status;
  const auto call = ask(id, job, options.ask);
  if (!call) return call.error();
  if (call->answer == CallRecord::Answer::kRunning) {
    status.worker = call->worker;
  } else if (call->answer == CallRecord::Answer::kHeld || *heard != Heard::kRuns) {
    status.state = State::kPending;
    status.worker.clear();
  }
  return status;
}

Result<CallRecord> JobLookup::ask(const JobId& id, const StoredMessage& job, std::chrono::milliseconds max_wait) {
  const auto control = open_control(broker_, places_.names());
  if (!control) return control.error();
  const std::string key = Names::ask_key(id);
  auto question = CallOut::begin(broker_.clock(), **control, key, job.sequence);
  if (!question) return question.error();
  auto call = question->wait(max_wait);
  question->take_back();
  return call;
}

// What the worker that runs it has said of it last.
Result<JobLookup::Heard> JobLookup::hear_workers(const JobId& id, JobStatus& status) {
  const auto workers = read_workers(broker_, places_.names());
  if (!workers) return workers.error();
  for (const WorkerInfo& worker : *workers) {
    for (const WorkerInfo::Job& job : worker.jobs) {
      if (job.id != id) continue;
      status.worker = worker.name;
      status.progress = job.progress;
      status.note = job.note;
      return Heard::kRuns;
    }
  }
  return workers->empty() ? Heard::kNobodyLives : Heard::kNothing;
}

Result<AttemptRecord> JobLookup::attempts(const JobId& id, std::uint64_t sequence) {
  const auto bucket = open_attempts(broker_, places_.names());
  if (!bucket) return bucket.error();
  const auto entry = (*bucket)->get(id.str());
  if (!entry) return entry.error();
  if (!*entry) return AttemptRecord{};
  auto record = AttemptRecord::from_json((*entry)->value);
  return record && record->sequence == sequence ? std::move(record) : AttemptRecord{};
}

Result<JobStatus> JobLookup::finished(const JobId& id) {
  const auto done = places_.done(id);
  if (!done) return done.error();
  JobStatus status;
  if (*done) {
    status = status_of(**done);
  } else {
    const auto result = Results(broker_, places_.names().options()).get(id);
    if (!result) return result.error();
    if (*result) status = status_of(**result);
  }
  if (status.state != State::kDone && status.state != State::kCancelled) {
    if (auto added = add_dead_letter(id, status); !added) return added.error();
  }
  return status;
}

// Dead letters carry the job's key in their subject; the newest one counts.
Result<void> JobLookup::add_dead_letter(const JobId& id, JobStatus& status) {
  auto reader = broker_.open_reader(
      {.stream = places_.names().dead_stream(), .filter = places_.names().dead_job_filter(id), .headers_only = true});
  if (!reader) return reader.error().code() == ErrorCode::kNotFound ? Result<void>() : reader.error();
  while (true) {
    const auto letters = (*reader)->read({}, {});
    if (!letters) return letters.error();
    if (letters->empty()) return {};
    for (const StoredMessage& letter : *letters) {
      if (letter.headers.get(wire::kId) != id.str()) continue;  // of another priority
      const auto record = AttemptRecord::from_json(letter.headers.get(wire::kDeadHistory).value_or("{}"));
      status.state = State::kDead;
      status.kind = letter.headers.get(wire::kKind).value_or("");
      status.enqueued_at = enqueued_at(letter);
      status.failures.clear();
      if (record) add(*record, status);
      status.attempts = static_cast<unsigned>(
          parse_number(letter.headers.get(wire::kDeadAttempts).value_or("")).value_or(status.attempts));
      status.finished_at = time_of_death(letter);
      status.error = letter.headers.get(wire::kDeadError).value_or("");
      status.dead_letter = letter.sequence;
    }
  }
}

}  // namespace leat
