#include "leat/job_control.h"

#include "core/text.h"
#include "jobs/attempt_record.h"
#include "jobs/call_out.h"
#include "jobs/due_time.h"
#include "jobs/endings.h"
#include "jobs/event_log.h"
#include "jobs/handoff.h"
#include "jobs/job_lookup.h"
#include "jobs/job_streams.h"
#include "jobs/subscription_facts.h"
#include "jobs/waiting_job.h"

namespace leat {

// One cancel, step by step. The call is written before anything is removed: a worker that gets the job from then on
// does not begin it, and who dies in between leaves a call that the next worker obeys.
class JobControl::Canceller {
 public:
  Canceller(Broker& broker, std::string name_space)
      : broker_(broker), places_(broker, Names(std::move(name_space))), endings_(broker, places_.names()) {}

  using Was = CancelResult::Was;

  Result<CancelResult> cancel(const JobId& id, std::chrono::milliseconds max_wait);
  Result<bool> reschedule(const JobId& id, SystemTime at);
  Result<bool> promote(const JobId& id) { return reschedule(id, broker_.clock().now()); }
  // Of those that a worker holds or runs, that worker tells.
  void tell(const JobId& id, Was was);

 private:
  Result<CancelResult> cancel_scheduled(const JobId& id, const StoredMessage& job);
  Result<CancelResult> cancel_queued(const JobId& id, const StoredMessage& job, std::chrono::milliseconds max_wait);
  Result<Handoff::Claim> wait_until_unclaimed(std::uint64_t sequence);
  Result<bool> waits_for_retry(const JobId& id, std::uint64_t sequence);
  Result<CancelResult> remove(const JobId& id, const StoredMessage& job, Was was);
  Result<void> leave_ending(const JobId& id, const StoredMessage& job);
  Result<void> forget_attempts(const JobId& id);

  Broker& broker_;
  JobPlaces places_;
  Endings endings_;
};

void JobControl::Canceller::tell(const JobId& id, Was was) {
  if (was == Was::kUnknown || was == Was::kHeld || was == Was::kRunning) return;
  EventLog::tell_now(broker_, places_.names(),
                     {{.what = JobEvent::What::kCancelled, .job = id, .error = "cancelled on request"}});
}

Result<CancelResult> JobControl::Canceller::cancel(const JobId& id, std::chrono::milliseconds max_wait) {
  if (auto named = places_.names().check(); !named) return named.error();
  if (id.key().starts_with(wire::kBulkToken)) {
    return Error(ErrorCode::kInvalidArgument,
                 "job " + id.str() + " went through the bulk lane and has no place of its own: it cannot be cancelled");
  }
  const auto scheduled = places_.scheduled(id);
  if (!scheduled) return scheduled.error();
  if (*scheduled) {
    auto cancelled = cancel_scheduled(id, **scheduled);
    if (!cancelled || cancelled->was != Was::kUnknown) return cancelled;
  }
  const auto queued = places_.queued(id);
  if (!queued) return queued.error();
  if (!*queued) return CancelResult{};
  return cancel_queued(id, **queued, max_wait);
}

// kUnknown when it has just gone to its queue.
Result<CancelResult> JobControl::Canceller::cancel_scheduled(const JobId& id, const StoredMessage& job) {
  const auto removed = broker_.admin().remove(places_.names().scheduled_stream(), job.sequence);
  if (!removed) return removed.error();
  if (!*removed) return CancelResult{};
  const auto claim = wait_until_unclaimed(job.sequence);
  if (!claim) return claim.error();
  if (*claim != Handoff::Claim::kNone) return CancelResult{};
  const auto queued = places_.queued(id);
  if (!queued) return queued.error();
  if (*queued) return CancelResult{};
  if (auto left = leave_ending(id, job); !left) return left.error();
  return CancelResult{.was = Was::kScheduled};
}

// The new time replaces the old one, unless a scheduler has taken the job meanwhile: then it removes what replaced it.
Result<bool> JobControl::Canceller::reschedule(const JobId& id, SystemTime at) {
  if (auto named = places_.names().check(); !named) return named.error();
  const std::string stream = places_.names().scheduled_stream();
  constexpr int kTries = 10;  // others may give it a new time too
  for (int i = 0; i < kTries; ++i) {
    auto there = broker_.admin().read_last(stream, places_.names().scheduled_subject(id));
    if (!there && there.error().code() != ErrorCode::kNotFound) return there.error();
    if (!there || !*there) return false;
    if (is_waiting_job(**there)) {
      return Error(ErrorCode::kInvalidArgument, "job " + id.str() + " waits for other jobs, not for a time");
    }
    AppendRequest request{.message = static_cast<const Message&>(**there), .expected_last = (*there)->sequence};
    request.message.headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(**there)));
    set_due_time(request.message, at);
    const auto appended = broker_.append(stream, {&request, 1}).front();
    if (!appended && appended.error().code() == ErrorCode::kConflict) continue;
    if (!appended) return appended.error();
    if (const auto claim = wait_until_unclaimed((*there)->sequence); !claim) return claim.error();
    const auto still = broker_.admin().read(stream, appended->sequence);
    if (!still) return still.error();
    return still->has_value() || at <= broker_.clock().now();  // a new time that has come may have been obeyed already
  }
  return Error(ErrorCode::kConflict, "job " + id.str() + " is given other times all the while: try again");
}

// A scheduler may have read the job before it was removed: when its claim is gone, the job lies in its queue or
// nowhere, and the newest move says which were moved.
Result<Handoff::Claim> JobControl::Canceller::wait_until_unclaimed(std::uint64_t sequence) {
  constexpr Duration kLongest = std::chrono::seconds(20);  // a new leader brings to its end what the last one left
  constexpr Duration kLookAgain = std::chrono::milliseconds(10);
  const auto claims = open_leader(broker_, places_.names(), 1);
  if (!claims) return claims.error();
  const SteadyTime until = deadline_after(real_clock(), kLongest);
  while (true) {
    auto claim = Handoff::claim_of(**claims, sequence);
    if (!claim || *claim != Handoff::Claim::kClaimed || real_clock().steady() >= until) return claim;
    sleep_for(real_clock(), kLookAgain, {});
  }
}

Result<CancelResult> JobControl::Canceller::cancel_queued(const JobId& id, const StoredMessage& job,
                                                          std::chrono::milliseconds max_wait) {
  auto control = open_control(broker_, places_.names(), 1);
  if (!control) return control.error();
  auto call = CallOut::begin(broker_.clock(), **control, Names::cancel_key(id), job.sequence);
  if (!call) return call.error();
  auto delivered = was_delivered(broker_, places_.names(), id, job.sequence);
  if (!delivered) return delivered.error();
  if (!*delivered) {
    auto removed = remove(id, job, Was::kPending);
    if (!removed) return removed.error();
    // A worker may have got it at the last moment: then the call stays, and it does not begin.
    delivered = was_delivered(broker_, places_.names(), id, job.sequence);
    if (delivered && !*delivered) call->take_back();
    return removed;
  }
  const auto retrying = waits_for_retry(id, job.sequence);
  if (!retrying) return retrying.error();
  if (*retrying) return remove(id, job, Was::kRetrying);
  const auto said = call->wait(max_wait);
  if (!said) return said.error();
  if (said->over) call->take_back();
  if (said->answer == CallRecord::Answer::kRunning) return CancelResult{.was = Was::kRunning, .worker = said->worker};
  if (said->answer == CallRecord::Answer::kHeld || said->over) {
    return CancelResult{.was = Was::kHeld, .worker = said->worker};
  }
  return remove(id, job, Was::kNoAnswer);
}

Result<bool> JobControl::Canceller::waits_for_retry(const JobId& id, std::uint64_t sequence) {
  const auto attempts = open_attempts(broker_, places_.names(), 1);
  if (!attempts) return attempts.error();
  const auto entry = (*attempts)->get(id.str());
  if (!entry) return entry.error();
  if (!*entry) return false;
  const auto record = AttemptRecord::from_json((*entry)->value);
  return record && record->sequence == sequence && record->due && *record->due > broker_.clock().now();
}

// The message first: a worker that ends the job at the same time leaves what it has to say.
Result<CancelResult> JobControl::Canceller::remove(const JobId& id, const StoredMessage& job, Was was) {
  const auto removed = broker_.admin().remove(places_.names().stream(id.priority()), job.sequence);
  if (!removed) return removed.error();
  if (!*removed) return CancelResult{};
  if (auto left = leave_ending(id, job); !left) return left.error();
  if (auto forgotten = forget_attempts(id); !forgotten) return forgotten.error();
  return CancelResult{.was = was};
}

Result<void> JobControl::Canceller::leave_ending(const JobId& id, const StoredMessage& job) {
  if (!leaves_something(job)) return {};
  const EndedJob ended{.job = &job,
                       .id = id.str(),
                       .result = {.state = JobResult::State::kCancelled,
                                  .error = "cancelled on request",
                                  .finished_at = broker_.clock().now()}};
  return std::move(endings_.write({&ended, 1}).front());
}

Result<void> JobControl::Canceller::forget_attempts(const JobId& id) {
  const auto attempts = open_attempts(broker_, places_.names(), 1);
  if (!attempts) return attempts.error();
  return (*attempts)->erase(id.str());
}

JobControl::JobControl(Broker& broker, std::string name_space)
    : canceller_(std::make_unique<Canceller>(broker, std::move(name_space))) {}
JobControl::~JobControl() = default;

Result<CancelResult> JobControl::cancel(const JobId& id, std::chrono::milliseconds max_wait) {
  auto cancelled = canceller_->cancel(id, max_wait);
  if (cancelled) canceller_->tell(id, cancelled->was);
  return cancelled;
}

Result<bool> JobControl::reschedule(const JobId& id, SystemTime at) {
  return canceller_->reschedule(id, at);
}

Result<bool> JobControl::promote(const JobId& id) {
  return canceller_->promote(id);
}

}  // namespace leat
