#include "leat/job_control.h"

#include <algorithm>
#include <nlohmann/json.hpp>

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
namespace {

// The newest versions: a claim of the others is over.
void set_replaced(Message& message, std::vector<std::uint64_t> versions) {
  constexpr std::size_t kMost = 16;
  versions.resize(std::min(versions.size(), kMost));
  message.headers.set(wire::kReplaces, nlohmann::json(versions).dump());
}

constexpr int kTimesTries = 10;  // others may give the job a new time too

Error given_other_times(const JobId& id) {
  return {ErrorCode::kConflict, "job " + id.str() + " is given other times all the while: try again"};
}

Error may_be_moved(const JobId& id) {
  return {ErrorCode::kUnknown,
          "job " + id.str() +
              " has its new time, but a scheduler had begun to move it and gives no sign: the next "
              "one may put it into its queue at once"};
}

// Past for whoever leads, however far the caller's clock is ahead: when it was enqueued. Among those that are due it is
// one of the first.
SystemTime at_once(const StoredMessage& job, SystemTime now) {
  return std::min({due_time(job).value_or(now), enqueued_at(job), now});
}

}  // namespace

// One cancel, step by step. The call is written before anything is removed: a worker that gets the job from then on
// does not begin it, and who dies in between leaves a call that the next worker obeys.
class JobControl::Canceller {
 public:
  Canceller(Broker& broker, NamespaceOptions name_space)
      : broker_(broker), places_(broker, Names(std::move(name_space))), endings_(broker, places_.names()) {}

  using Was = CancelResult::Was;

  Result<CancelResult> cancel(const JobId& id, std::chrono::milliseconds max_wait);
  // Without a time: at once.
  Result<bool> reschedule(const JobId& id, std::optional<SystemTime> at);
  // Of those that a worker holds or runs, that worker tells.
  void tell(const JobId& id, Was was);

 private:
  Result<CancelResult> cancel_scheduled(const JobId& id, const StoredMessage& job);
  Result<CancelResult> cancel_queued(const JobId& id, const StoredMessage& job, std::chrono::milliseconds max_wait);
  Result<Handoff::Claim> wait_until_unclaimed(const std::vector<std::uint64_t>& sequences);
  Result<bool> still_waits(const JobId& id, std::uint64_t sequence);
  static Result<CancelResult> hear(CallOut& call, std::chrono::milliseconds max_wait);
  Result<std::optional<SystemTime>> retry_due(const JobId& id, std::uint64_t sequence);
  Result<CancelResult> remove(const JobId& id, const StoredMessage& job, Was was);
  Result<bool> has_ended(const JobId& id, const StoredMessage& job);
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
  for (int i = 0;; ++i) {
    const auto scheduled = places_.scheduled(id);
    if (!scheduled) return scheduled.error();
    if (!*scheduled) break;
    if (i == kTimesTries) return given_other_times(id);
    auto cancelled = cancel_scheduled(id, **scheduled);
    if (!cancelled || cancelled->was != Was::kUnknown) return cancelled;
  }
  const auto queued = places_.queued(id);
  if (!queued) return queued.error();
  if (!*queued) return CancelResult{};
  return cancel_queued(id, **queued, max_wait);
}

// kUnknown when it has just gone to its queue, or has another time.
Result<CancelResult> JobControl::Canceller::cancel_scheduled(const JobId& id, const StoredMessage& job) {
  const auto removed = broker_.admin().remove(places_.names().scheduled_stream(), job.sequence);
  if (!removed) return removed.error();
  if (!*removed) return CancelResult{};
  const auto claim = wait_until_unclaimed(versions_of(job));
  if (!claim) return claim.error();
  const auto queued = places_.queued(id);
  if (!queued) return queued.error();
  const bool moved = *claim != Handoff::Claim::kNone;
  if (*queued && !was_moved_from(**queued, job)) {
    // Another job has its unique key: what is kept under the id tells of that one alone.
    return CancelResult{.was = moved ? Was::kNoAnswer : Was::kScheduled};
  }
  if (*queued) return CancelResult{};
  if (moved) {
    const auto ended = has_ended(id, job);
    if (!ended) return ended.error();
    if (*ended) return CancelResult{};
  }
  // If it was moved, its leader died before it could put it into its queue: who waits for it learns of it here.
  if (auto left = leave_ending(id, job); !left) return left.error();
  return CancelResult{.was = moved ? Was::kNoAnswer : Was::kScheduled};
}

// The new time replaces the old one, unless a scheduler has taken the job meanwhile: then it removes what replaced it.
Result<bool> JobControl::Canceller::reschedule(const JobId& id, std::optional<SystemTime> at) {
  if (auto named = places_.names().check(); !named) return named.error();
  const std::string stream = places_.names().scheduled_stream();
  for (int i = 0; i < kTimesTries; ++i) {
    auto there = broker_.admin().read_last(stream, places_.names().scheduled_subject(id));
    if (!there && there.error().code() != ErrorCode::kNotFound) return there.error();
    if (!there || !*there) return false;
    if (is_waiting_job(**there)) {
      return Error(ErrorCode::kInvalidArgument, "job " + id.str() + " waits for other jobs, not for a time");
    }
    AppendRequest request{.message = static_cast<const Message&>(**there), .expected_last = (*there)->sequence};
    request.message.headers.set(wire::kEnqueuedAt, to_rfc3339(enqueued_at(**there)));
    const SystemTime due = at ? *at : at_once(**there, broker_.clock().now());
    set_due_time(request.message, due);
    const std::vector<std::uint64_t> versions = versions_of(**there);
    set_replaced(request.message, versions);
    const auto appended = broker_.append(stream, {&request, 1}).front();
    if (!appended && appended.error().code() == ErrorCode::kConflict) continue;
    if (!appended) return appended.error();
    const auto claim = wait_until_unclaimed(versions);
    if (!claim) return claim.error();
    const auto waits = still_waits(id, appended->sequence);
    if (!waits) return waits.error();
    if (due <= broker_.clock().now()) return true;  // it may have been obeyed already
    if (*waits && *claim == Handoff::Claim::kClaimed) return may_be_moved(id);
    return *waits;
  }
  return given_other_times(id);
}

// In this message, or in one that has replaced it.
Result<bool> JobControl::Canceller::still_waits(const JobId& id, std::uint64_t sequence) {
  const auto scheduled = places_.scheduled(id);
  if (!scheduled) return scheduled.error();
  if (!*scheduled) return false;
  const auto versions = versions_of(**scheduled);
  return std::find(versions.begin(), versions.end(), sequence) != versions.end();
}

// A scheduler may have read the job before it was removed: when its claim is gone, the job lies in its queue or
// nowhere, and the record says whether it was moved.
Result<Handoff::Claim> JobControl::Canceller::wait_until_unclaimed(const std::vector<std::uint64_t>& sequences) {
  constexpr Duration kLongest = std::chrono::seconds(20);  // a new leader brings to its end what the last one left
  constexpr Duration kLookAgain = std::chrono::milliseconds(10);
  const auto claims = open_leader(broker_, places_.names());
  if (!claims) return claims.error();
  const Clock& clock = broker_.clock();  // by which the next one takes over
  const SteadyTime until = deadline_after(clock, kLongest);
  const SteadyTime until_at_last = deadline_after(real_clock(), kLongest);  // where nobody moves that clock
  while (true) {
    auto claim = Handoff::claim_of(**claims, sequences);
    if (!claim || *claim != Handoff::Claim::kClaimed) return claim;
    if (clock.steady() >= until || real_clock().steady() >= until_at_last) return claim;
    sleep_for(real_clock(), kLookAgain, {});
  }
}

Result<CancelResult> JobControl::Canceller::cancel_queued(const JobId& id, const StoredMessage& job,
                                                          std::chrono::milliseconds max_wait) {
  auto control = open_control(broker_, places_.names());
  if (!control) return control.error();
  auto call = CallOut::begin(broker_.clock(), **control, Names::cancel_key(id), job.sequence);
  if (!call) return call.error();
  auto delivered = was_delivered(broker_, places_.names(), id, job.sequence);
  if (!delivered) return delivered.error();
  if (!*delivered) {
    auto removed = remove(id, job, Was::kPending);
    if (!removed) return removed.error();
    delivered = was_delivered(broker_, places_.names(), id, job.sequence);
    if (!delivered) return delivered.error();
    if (!*delivered) call->take_back();
    return *delivered && removed->was == Was::kPending ? hear(*call, max_wait) : removed;
  }
  const auto due = retry_due(id, job.sequence);
  if (!due) return due.error();
  if (*due && **due > broker_.clock().now()) {
    auto removed = remove(id, job, Was::kRetrying);
    if (!removed) return removed.error();
    // A worker takes it as due by a clock of its own, and a little early.
    constexpr Duration kClocksDiffer = std::chrono::milliseconds(100);
    const bool is_due = **due <= broker_.clock().now() + kClocksDiffer;
    return is_due && removed->was == Was::kRetrying ? hear(*call, max_wait) : removed;
  }
  auto heard = hear(*call, max_wait);
  if (!heard || heard->was != Was::kNoAnswer) return heard;
  return remove(id, job, Was::kNoAnswer);
}

// What the worker says that has the job: one that got it at the last moment may have begun it before it heard of the
// call.
Result<CancelResult> JobControl::Canceller::hear(CallOut& call, std::chrono::milliseconds max_wait) {
  const auto said = call.wait(max_wait);
  if (!said) return said.error();
  if (said->over) call.take_back();
  if (said->answer == CallRecord::Answer::kHeld) return CancelResult{.was = Was::kHeld, .worker = said->worker};
  // Over without an answer: it was ending just then, in whatever way.
  const bool ran = said->answer == CallRecord::Answer::kRunning || said->over;
  return CancelResult{.was = ran ? Was::kRunning : Was::kNoAnswer, .worker = said->worker};
}

Result<std::optional<SystemTime>> JobControl::Canceller::retry_due(const JobId& id, std::uint64_t sequence) {
  const auto attempts = open_attempts(broker_, places_.names());
  if (!attempts) return attempts.error();
  const auto entry = (*attempts)->get(id.str());
  if (!entry) return entry.error();
  if (!*entry) return std::optional<SystemTime>();
  const auto record = AttemptRecord::from_json((*entry)->value);
  if (!record || record->sequence != sequence) return std::optional<SystemTime>();
  return record->due;
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

// Whether a job that is in no stream any more has left what it had to leave: it does so before it leaves its queue.
Result<bool> JobControl::Canceller::has_ended(const JobId& id, const StoredMessage& job) {
  if (!leaves_something(job)) return true;
  if (is_tracked(job)) {
    const auto done = places_.done(id);
    if (!done) return done.error();
    return done->has_value();
  }
  const auto results = endings_.open();
  if (!results) return results.error();
  const auto result = (*results)->get(id.str());
  if (!result) return result.error();
  return result->has_value();
}

Result<void> JobControl::Canceller::leave_ending(const JobId& id, const StoredMessage& job) {
  if (!leaves_something(job)) return {};
  const EndedJob ended{.job = &job,
                       .id = id.str(),
                       .result = {.state = JobResult::State::kCancelled,
                                  .error = "cancelled on request",
                                  .finished_at = broker_.clock().now(),
                                  .enqueued_at = enqueued_at(job)}};
  return std::move(endings_.write({&ended, 1}).front());
}

Result<void> JobControl::Canceller::forget_attempts(const JobId& id) {
  const auto attempts = open_attempts(broker_, places_.names());
  if (!attempts) return attempts.error();
  return (*attempts)->erase(id.str());
}

JobControl::JobControl(Broker& broker, NamespaceOptions name_space)
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
  return canceller_->reschedule(id, std::nullopt);
}

}  // namespace leat
