#include "jobs/run_log.h"

#include "core/later.h"
#include "core/text.h"

namespace leat {
namespace {

using Then = JobRun::Then;
using Ending = FinishedJob::Ending;

Then then_of(const SettledJob& settled) {
  if (settled.job.lost) return Then::kInterrupted;
  switch (settled.verdict) {
    case Verdict::kDone: return settled.outcome.kind() == Outcome::Kind::kCancelled ? Then::kCancelled : Then::kDone;
    case Verdict::kDead: return Then::kDead;
    case Verdict::kRetry: break;
  }
  if (settled.ending == Ending::kUnknownKind) return Then::kNoHandler;
  if (settled.ending != Ending::kOutcome) return Then::kInterrupted;
  return settled.outcome.kind() == Outcome::Kind::kSnooze ? Then::kSnoozed : Then::kRetry;
}

std::string error_of(const SettledJob& settled, const JobRun& run) {
  switch (run.then) {
    case Then::kDone:
    case Then::kSnoozed: return {};
    case Then::kRetry:
    case Then::kCancelled: return settled.outcome.text();
    case Then::kDead: return settled.job.record.dead->error;
    case Then::kNoHandler: return "there is no handler for kind \"" + run.kind + "\"";
    case Then::kInterrupted: break;
  }
  return settled.job.lost ? "the job was removed or taken away before it could be settled" : settled.outcome.text();
}

std::string what_then(const JobRun& run) {
  const auto again = [&] { return format_duration(to_milliseconds(run.again_in)); };
  switch (run.then) {
    case Then::kDone: return "done";
    case Then::kRetry: return "retry in " + again();
    case Then::kSnoozed: return "snoozed for " + again();
    case Then::kDead: return "dead (" + run.dead_reason + ")";
    case Then::kCancelled: return "cancelled";
    case Then::kNoHandler: return "no handler, again in " + again();
    case Then::kInterrupted: return "interrupted";
  }
  return {};
}

}  // namespace

void RunLog::begun(const HeldJob& job, Called called) {
  const StoredMessage& message = job.delivery.message;
  JobRun run{.id = names_.id_of(message).value_or(JobId{}),
             .kind = std::string(message.headers.get(wire::kKind).value_or("")),
             .attempt = job.record.attempts() + 1};
  if (called == Called::kYes) run.outcome.emplace();
  begun_.insert_or_assign(&job, std::move(run));
}

void RunLog::settled(const SettledJob& settled) {
  auto found = begun_.extract(&settled.job);
  if (found.empty()) return;
  JobRun& run = found.mapped();
  run.then = then_of(settled);
  if (run.outcome) run.outcome = settled.outcome;
  if (settled.verdict == Verdict::kRetry && run.then != Then::kInterrupted) run.again_in = settled.delay;
  if (run.then == Then::kDead) run.dead_reason = settled.job.record.dead->reason;
  run.error = error_of(settled, run);
  settled_.push_back(std::move(run));
}

std::optional<JobRun> RunLog::take() {
  if (settled_.empty()) return std::nullopt;
  JobRun run = std::move(settled_.front());
  settled_.pop_front();
  return run;
}

std::string to_string(const JobRun& run) {
  std::string text = run.kind + " " + run.id.str() + " attempt " + std::to_string(run.attempt) + ": " + what_then(run);
  return run.error.empty() ? text : text + ": " + run.error;
}

std::string to_string(const Drained& drained) {
  std::string text;
  for (const JobRun& run : drained.runs) text.append(to_string(run)).append(1, '\n');
  return text;
}

}  // namespace leat
