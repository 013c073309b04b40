#include "jobs/enqueuer.h"

#include <algorithm>
#include <array>

#include "core/ulid.h"
#include "jobs/job_streams.h"
#include "jobs/unique_key.h"

namespace leat {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

Result<void> check_own_headers(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (name.starts_with("Leat-") || name.starts_with("Nats-")) {
      return invalid("header \"" + std::string(name) +
                     "\": names that begin with Leat- or Nats- are taken; use another");
    }
  }
  return check_headers(headers);
}

std::string milliseconds_text(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

}  // namespace

Result<void> Enqueuer::ensure_streams() {
  MutexLock lock(mutex_);
  if (ready_) return {};
  if (auto named = names_.check(); !named) return named;
  if (auto named = check_queue_name(options_.name); !named) return named;
  Log& log = options_.log != nullptr ? *options_.log : no_log();
  if (auto ensured = ensure_job_streams(broker_, names_, options_.replicas, log); !ensured) return ensured;
  // Created here so that this program's ttl is the one that counts, and opened again by whoever reads results.
  if (auto results = open_results(broker_, names_, options_.result_ttl, options_.replicas); !results)
    return results.error();
  auto control = open_control(broker_, names_, options_.replicas);
  if (!control) return control.error();
  const auto named = (*control)->create(Names::queue_key(options_.name), "{}");
  if (!named && named.error().code() != ErrorCode::kConflict) return named.error();
  ready_ = true;
  return {};
}

Result<void> Enqueuer::check(const PushOptions& options) {
  if (options.max_attempts && *options.max_attempts == 0) return invalid("max_attempts is 0; a job needs 1 or more");
  if (options.timeout && *options.timeout < std::chrono::milliseconds(1)) return invalid("timeout is less than 1 ms");
  if (options.deadline && options.deadline->time_since_epoch() < std::chrono::milliseconds(1)) {
    return invalid("deadline is before 1970");
  }
  if (options.retry) {
    if (auto checked = options.retry->check(); !checked) return checked;
  }
  if (options.unique) {
    if (auto checked = check_unique_key(options.unique->key); !checked) return checked;
    if (options.lane == Lane::kBulk) return invalid("a unique job cannot go through the bulk lane: use kAddressable");
  }
  return check_own_headers(options.headers);
}

Result<void> Enqueuer::check(const EncodedJob& job) const {
  if (auto kind = check_job_kind(job.kind); !kind) return kind;
  if (auto headers = check_own_headers(job.headers); !headers) return headers;
  const std::size_t size = job.payload.size() + job.headers.encoded().size();
  if (size > max_payload()) {
    return invalid("payload and headers are " + std::to_string(size) + " bytes; the limit is " +
                   std::to_string(max_payload()) + " (the broker's " +
                   std::to_string(broker_.capabilities().max_message_bytes) +
                   " less 8 KiB, so that a dead letter fits): store the data elsewhere and enqueue a reference");
  }
  return {};
}

AppendRequest Enqueuer::make_request(EncodedJob job, const JobId& id, const PushOptions& options) const {
  AppendRequest request{
      .message = {.subject = {}, .headers = std::move(job.headers), .payload = std::move(job.payload)}};
  Headers& headers = request.message.headers;
  for (const auto& [name, value] : options.headers) headers.set(name, value);
  headers.reserve(2, wire::kKind.size() + job.kind.size() + wire::kId.size() + id.str().size());
  headers.set(wire::kKind, job.kind);
  if (options.max_attempts) headers.set(wire::kMaxAttempts, std::to_string(*options.max_attempts));
  if (options.retry) headers.set(wire::kRetry, options.retry->to_json());
  if (options.timeout) headers.set(wire::kTimeout, milliseconds_text(*options.timeout));
  if (options.deadline) headers.set(wire::kDeadline, milliseconds_text(options.deadline->time_since_epoch()));
  if (options.result == KeepResult::kYes) headers.set(wire::kResult, wire::kKeepResult);
  if (options.lane == Lane::kBulk) {
    headers.set(wire::kId, id.str());
    request.message.subject = names_.bulk_subject(options.priority, options_.name);
    return request;
  }
  request.message.subject = names_.subject(id);
  request.expected_last = 0;
  if (with_message_id_) request.message_id = options.unique ? make_ulid(broker_.clock().now()) : std::string(id.key());
  return request;
}

JobId Enqueuer::make_id(const PushOptions& options, SystemTime now) const {
  if (options.unique) return {options.priority, options_.name, encode_unique_key(options.unique->key)};
  std::string key(options.lane == Lane::kBulk ? wire::kBulkToken : std::string_view{});
  append_ulid(key, now);
  return {options.priority, options_.name, key};
}

std::vector<Result<JobId>> Enqueuer::push(std::vector<Result<EncodedJob>> jobs, const PushOptions& options) {
  auto ready = check(options);
  if (ready) ready = ensure_streams();
  if (!ready) return std::vector<Result<JobId>>(jobs.size(), ready.error());
  return store(jobs, [&](std::size_t) -> const PushOptions& { return options; });
}

std::vector<Result<JobId>> Enqueuer::push(std::vector<PushOrder>& orders) {
  if (auto ready = ensure_streams(); !ready) return std::vector<Result<JobId>>(orders.size(), ready.error());
  std::vector<Result<EncodedJob>> jobs;
  jobs.reserve(orders.size());
  for (PushOrder& order : orders) {
    auto checked = check(order.options);
    jobs.push_back(checked ? Result<EncodedJob>(std::move(order.job)) : Result<EncodedJob>(checked.error()));
  }
  return store(jobs, [&](std::size_t i) -> const PushOptions& { return orders[i].options; });
}

// One append for each priority's stream, the jobs of each in order.
template <class OptionsOf>
std::vector<Result<JobId>> Enqueuer::store(std::vector<Result<EncodedJob>>& jobs, OptionsOf options_of) {
  std::vector<Result<JobId>> results;
  results.reserve(jobs.size());
  std::array<std::vector<AppendRequest>, kPriorities.size()> requests;
  const SystemTime now = broker_.clock().now();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const PushOptions& options = options_of(i);
    if (!jobs[i]) {
      results.push_back(jobs[i].error());
    } else if (auto checked = check(*jobs[i]); !checked) {
      results.push_back(checked.error());
    } else {
      JobId id = make_id(options, now);
      auto& lane = requests[static_cast<std::size_t>(options.priority)];
      if (lane.empty()) lane.reserve(jobs.size() - i);
      lane.push_back(make_request(std::move(*jobs[i]), id, options));
      results.push_back(std::move(id));
    }
  }
  for (const Priority priority : kPriorities) {
    const auto& lane = requests[static_cast<std::size_t>(priority)];
    if (lane.empty()) continue;
    const auto appended = broker_.append(names_.stream(priority), lane);
    for (std::size_t i = 0, next = 0; i < results.size() && next < appended.size(); ++i) {
      if (!results[i] || results[i]->priority() != priority) continue;
      const Result<Appended>& stored = appended[next++];
      if (!stored) results[i] = after_refusal(std::move(*results[i]), stored.error(), options_of(i));
    }
  }
  return results;
}

// What the broker's refusal says to the user; a conflict has a meaning for unique jobs alone.
Result<JobId> Enqueuer::after_refusal(JobId id, const Error& error, const PushOptions& options) {
  if (!options.unique || error.code() != ErrorCode::kConflict) return error;
  if (options.unique->if_taken == Unique::IfTaken::kReturnExisting) return id;
  return Error(ErrorCode::kConflict,
               "unique key \"" + options.unique->key + "\" is taken: job " + id.str() + " is not done yet");
}

}  // namespace leat
