#include "jobs/job_calls.h"

#include "jobs/desk.h"

namespace leat {
namespace {

// The id in `cancel.{id}` or `ask.{id}`; empty when the key is another one.
std::optional<JobId> id_behind(std::string_view prefix, std::string_view key) {
  if (!key.starts_with(prefix) || key.size() <= prefix.size() + 1) return std::nullopt;
  auto id = JobId::parse(key.substr(prefix.size() + 1));
  return id ? std::optional(std::move(*id)) : std::nullopt;
}

}  // namespace

void JobCalls::heard(const KeyEntry& entry) {
  const auto cancelled = id_behind(Names::kCancelPrefix, entry.key);
  const auto asked = cancelled ? std::nullopt : id_behind(Names::kAskPrefix, entry.key);
  if (!cancelled && !asked) return;
  if (entry.erased) return forget(entry.key);
  auto call = CallRecord::from_json(entry.value);
  if (!call) {
    return parts_.log.warn("a call is unreadable and is left alone",
                           {{"key", entry.key}, {"error", call.error().message()}});
  }
  const MessageName name{(cancelled ? cancelled : asked)->priority(), call->sequence};
  if (call->over) return forget(entry.key);
  if (cancelled) {
    // Before the look at what runs: a handler that is about to be called sees it here, or is seen there.
    MutexLock lock(mutex_);
    cancelled_.insert_or_assign(name, Cancel{entry.key, *call});
    count_ = cancelled_.size();
  }
  if (call->answer != CallRecord::Answer::kNone) return;
  call->answer = look(name, cancelled.has_value());
  if (call->answer == CallRecord::Answer::kNone) return;
  call->worker = parts_.worker;
  answer(entry, *call);
}

CallRecord::Answer JobCalls::look(const MessageName& name, bool cancel) {
  auto found = CallRecord::Answer::kNone;
  std::vector<std::pair<Desk*, Desk::RunId>> to_stop;
  parts_.ledger.for_each_unsettled([&](HeldJob& job) {
    if (job.lost || name_of(job) != name) return;
    Desk* const desk = job.desk;
    // Also when its handler has just ended: it is no longer to be kept from running.
    found = desk != nullptr ? CallRecord::Answer::kRunning : CallRecord::Answer::kHeld;
    if (!cancel) return;
    note_answer(name, found);  // before the handler learns of it, and the job is over
    if (const auto run = desk != nullptr ? desk->find_run(job) : std::nullopt) to_stop.emplace_back(desk, *run);
  });
  // Once the ledger is not locked any more: the handler may do anything in its stop callbacks.
  for (const auto& [desk, run] : to_stop) desk->stop_run(run, StopReason::kCancelled);
  return found;
}

void JobCalls::note_answer(const MessageName& name, CallRecord::Answer answer) {
  MutexLock lock(mutex_);
  if (const auto found = cancelled_.find(name); found != cancelled_.end()) found->second.call.answer = answer;
}

void JobCalls::answer(const KeyEntry& entry, const CallRecord& call) {
  const auto written = parts_.control.update(entry.key, call.to_json(), entry.revision);
  // A conflict: who called has given up, or another worker has answered.
  if (!written && written.error().code() != ErrorCode::kConflict) {
    parts_.log.warn("a call could not be answered", {{"key", entry.key}, {"error", written.error().message()}});
  }
}

bool JobCalls::is_cancelled(const HeldJob& job) const {
  if (count_ == 0) return false;
  MutexLock lock(mutex_);
  return cancelled_.contains(name_of(job));
}

// Who called may not have read the answer yet, so the record stays, for the one who called or the scheduler to clear
// away.
void JobCalls::over(const HeldJob& job) {
  if (count_ == 0) return;
  Cancel cancel;
  {
    MutexLock lock(mutex_);
    const auto found = cancelled_.find(name_of(job));
    if (found == cancelled_.end()) return;
    cancel = std::move(found->second);
    cancelled_.erase(found);
    count_ = cancelled_.size();
  }
  cancel.call.over = true;
  cancel.call.worker = parts_.worker;
  if (const auto written = parts_.control.put(cancel.key, cancel.call.to_json()); !written) {
    parts_.log.debug("the call to cancel a job stays behind",
                     {{"key", cancel.key}, {"error", written.error().message()}});
  }
}

void JobCalls::forget(std::string_view key) {
  MutexLock lock(mutex_);
  std::erase_if(cancelled_, [&](const auto& entry) { return entry.second.key == key; });
  count_ = cancelled_.size();
}

}  // namespace leat
