#include "jobs/enqueuer.h"

#include <algorithm>
#include <array>

#include "core/later.h"
#include "core/ulid.h"
#include "jobs/due_time.h"
#include "jobs/job_message.h"
#include "jobs/job_streams.h"
#include "jobs/unique_key.h"
#include "jobs/waiting_job.h"
#include "leat/handler.h"

namespace leat {

Result<void> Enqueuer::ensure_streams() {
  MutexLock lock(mutex_);
  if (ready_) return {};
  if (auto named = names_.check(); !named) return named;
  if (auto named = check_queue_name(options_.name); !named) return named;
  Log& drift = drift_log(options_.log);
  if (auto ensured = ensure_job_streams(broker_, names_, drift); !ensured) return ensured.error();
  // Opened again by whoever writes or reads results.
  if (auto results = open_results(broker_, names_, drift); !results) return results.error();
  auto control = open_control(broker_, names_, drift);
  if (!control) return control.error();
  const auto named = (*control)->create(Names::queue_key(options_.name), "{}");
  if (!named && named.error().code() != ErrorCode::kConflict) return named.error();
  events_.start();
  ready_ = true;
  return {};
}

// When it is due, if that is not yet.
std::optional<SystemTime> Enqueuer::due(const PushOptions& options, SystemTime now) {
  if (options.at) return *options.at > now ? options.at : std::nullopt;
  if (!options.delay || *options.delay <= Duration{0}) return std::nullopt;
  return later(now, *options.delay);
}

Result<void> Enqueuer::check(const EncodedJob& job, const PushOptions& options) const {
  if (auto checked = check_job(job); !checked) return checked;
  const std::size_t size = job.payload.size() + job.headers.encoded().size() + options.headers.encoded().size() +
                           parent_list_size(options.after);
  if (size > max_payload()) {
    return Error(
        ErrorCode::kInvalidArgument,
        (options.after.empty() ? "payload and headers are " : "payload, headers and the list of parents are ") +
            std::to_string(size) + " bytes; the limit is " + std::to_string(max_payload()) + " (the broker's " +
            std::to_string(broker_.capabilities().max_message_bytes) +
            " less 8 KiB, so that a dead letter fits): store the data elsewhere and enqueue a reference");
  }
  return {};
}

AppendRequest Enqueuer::make_request(EncodedJob job, const JobId& id, const PushOptions& options,
                                     std::optional<SystemTime> due) const {
  AppendRequest request{
      .message = {.subject = {}, .headers = std::move(job.headers), .payload = std::move(job.payload)}};
  Headers& headers = request.message.headers;
  for (const auto& [name, value] : options.headers) headers.set(name, value);
  headers.reserve(2, wire::kKind.size() + job.kind.size() + wire::kId.size() + id.str().size());
  add_option_headers(headers, job.kind, options);
  if (options.lane == Lane::kBulk) {
    headers.set(wire::kId, id.str());
    request.message.subject = names_.bulk_subject(options.priority, options_.name);
    return request;
  }
  request.message.subject = names_.subject(id);
  if (!options.after.empty()) {
    request.message.subject = names_.scheduled_subject(id);
    make_waiting(request.message, {.parents = options.after, .if_dead = options.if_dead.value_or(IfDead::kCancel)});
  }
  if (due) {
    request.message.subject = names_.scheduled_subject(id);
    set_due_time(request.message, *due);
  }
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

// What is to be known of the options before any job is made with them.
Result<void> Enqueuer::prepare(const PushOptions& options) {
  if (auto checked = check_push_options(options); !checked) return checked;
  if (auto ready = ensure_streams(); !ready) return ready;
  if (options.after.empty()) return {};
  return parents_.check(options.after, options.unique ? std::optional(make_id(options, {})) : std::nullopt);
}

std::vector<Result<JobId>> Enqueuer::push(std::vector<Result<EncodedJob>> jobs, const PushOptions& options) {
  if (!options_.middleware.empty()) {
    std::vector<PushOrder> orders;
    orders.reserve(jobs.size());
    for (Result<EncodedJob>& job : jobs) {
      orders.push_back(job ? PushOrder{std::move(*job), options}
                           : PushOrder{.options = options, .refused = job.error()});
    }
    return push_through_middleware(std::move(orders));
  }
  if (auto ready = prepare(options); !ready) return std::vector<Result<JobId>>(jobs.size(), ready.error());
  return store(jobs, [&](std::size_t) -> const PushOptions& { return options; });
}

std::vector<Result<JobId>> Enqueuer::push(std::vector<PushOrder> orders) {
  return options_.middleware.empty() ? store(orders) : push_through_middleware(std::move(orders));
}

std::vector<Result<JobId>> Enqueuer::push_through_middleware(std::vector<PushOrder> orders) {
  std::vector<AfterPush> after;
  for (const PushMiddleware& middleware : options_.middleware) {
    const auto thrown = detail::what_it_throws([&] { after.push_back(middleware(orders)); });
    if (!thrown) continue;
    const Error refused(ErrorCode::kInvalidArgument, "a middleware refused the push: " + *thrown);
    for (PushOrder& order : orders) order.refused = refused;
  }
  auto results = store(orders);
  for (auto each = after.rbegin(); each != after.rend(); ++each) {
    if (*each) (*each)(results);
  }
  return results;
}

std::vector<Result<JobId>> Enqueuer::store(std::vector<PushOrder>& orders) {
  std::vector<Result<EncodedJob>> jobs;
  jobs.reserve(orders.size());
  for (PushOrder& order : orders) {
    const auto ready = order.refused ? Result<void>(*order.refused) : prepare(order.options);
    jobs.push_back(ready ? Result<EncodedJob>(std::move(order.job)) : Result<EncodedJob>(ready.error()));
  }
  return store(jobs, [&](std::size_t i) -> const PushOptions& { return orders[i].options; });
}

// One append for each stream, the jobs of each in order.
template <class OptionsOf>
std::vector<Result<JobId>> Enqueuer::store(std::vector<Result<EncodedJob>>& jobs, OptionsOf options_of) {
  struct Batch {
    std::vector<AppendRequest> requests;
    std::vector<std::size_t> places;  // among the results
  };
  std::array<Batch, kPriorities.size() + 1> batches;  // the last one for jobs that wait for their time or for others
  std::vector<Result<JobId>> results;
  results.reserve(jobs.size());
  const SystemTime now = broker_.clock().now();
  const std::size_t limit = broker_.capabilities().max_message_bytes;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const PushOptions& options = options_of(i);
    const auto checked = jobs[i] ? check(*jobs[i], options) : Result<void>(jobs[i].error());
    if (!checked) {
      results.emplace_back(checked.error());
      continue;
    }
    JobId id = make_id(options, now);
    const auto due_at = due(options, now);
    const bool waits = due_at || !options.after.empty();
    if (auto free = waits ? check_key_is_free(id, options) : Result<void>(); !free) {
      results.push_back(after_refusal(std::move(id), free.error(), options));
      continue;
    }
    AppendRequest request = make_request(std::move(*jobs[i]), id, options, due_at);
    if (auto fits = check_letter_fits(request.message, id, limit); !fits) {
      results.emplace_back(fits.error());
      continue;
    }
    Batch& batch = waits ? batches.back() : batches[static_cast<std::size_t>(options.priority)];
    if (batch.requests.empty()) {
      batch.requests.reserve(jobs.size() - i);
      batch.places.reserve(jobs.size() - i);
    }
    batch.requests.push_back(std::move(request));
    batch.places.push_back(i);
    results.push_back(std::move(id));
  }
  const auto left = left_by_earlier_jobs(results, options_of);
  std::vector<Endings::Left> outdated;
  for (std::size_t number = 0; number < batches.size(); ++number) {
    const Batch& batch = batches[number];
    if (batch.requests.empty()) continue;
    const auto stored =
        broker_.append(number < kPriorities.size() ? names_.stream(kPriorities.at(number)) : names_.scheduled_stream(),
                       batch.requests);
    tell(batch.requests, stored, now);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const std::size_t place = batch.places[i];
      if (stored[i] && meter_.counts())
        meter_.enqueued(options_.name, *batch.requests[i].message.headers.get(wire::kKind));
      if (!stored[i]) {
        results[place] = after_refusal(std::move(*results[place]), stored[i].error(), options_of(place));
      } else if (!left.empty() && left[place]) {
        outdated.push_back(*left[place]);
      }
    }
  }
  endings_.clear(outdated);
  return results;
}

void Enqueuer::tell(std::span<const AppendRequest> requests, const std::vector<Result<Appended>>& stored,
                    SystemTime at) {
  if (!events_.wanted()) return;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!stored[i]) continue;
    const Message& message = requests[i].message;
    const auto scheduled = names_.scheduled_id(message.subject);
    events_.tell({.what = scheduled ? JobEvent::What::kScheduled : JobEvent::What::kEnqueued,
                  .at = at,
                  .job = scheduled ? *scheduled : names_.id_of(message).value_or(JobId{}),
                  .kind = std::string(message.headers.get(wire::kKind).value_or(""))});
  }
}

// The broker refuses a second job under a subject; one that waits elsewhere has another subject there.
Result<void> Enqueuer::check_key_is_free(const JobId& id, const PushOptions& options) {
  if (!options.unique) return {};
  const auto there = broker_.admin().read_last(names_.stream(id.priority()), names_.subject(id));
  if (!there) return there.error();
  return *there ? Result<void>(Error(ErrorCode::kConflict, "taken")) : Result<void>();
}

// A unique job may have had its id before: what became of that one must not be taken for what becomes of this one.
// Empty when there is none such.
template <class OptionsOf>
std::vector<std::optional<Endings::Left>> Enqueuer::left_by_earlier_jobs(const std::vector<Result<JobId>>& ids,
                                                                         OptionsOf options_of) {
  std::vector<JobId> again;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!ids[i] || !options_of(i).unique) continue;
    again.push_back(*ids[i]);
    places.push_back(i);
  }
  if (again.empty()) return {};
  std::vector<std::optional<Endings::Left>> left(ids.size());
  auto found = endings_.left_by(again);
  for (std::size_t i = 0; i < places.size(); ++i) left[places[i]] = std::move(found[i]);
  return left;
}

// What the broker's refusal says to the user; a conflict has a meaning for unique jobs alone.
Result<JobId> Enqueuer::after_refusal(JobId id, const Error& error, const PushOptions& options) {
  if (!options.unique || error.code() != ErrorCode::kConflict) return error;
  if (options.unique->if_taken == Unique::IfTaken::kReturnExisting) return id;
  return Error(ErrorCode::kConflict,
               "unique key \"" + options.unique->key + "\" is taken: job " + id.str() + " is not done yet");
}

}  // namespace leat
