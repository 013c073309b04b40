// What the settler tells of jobs that have left: counts, metrics, events.
#include <algorithm>
#include <array>

#include "jobs/settler.h"

namespace leat {

void Settler::report(const Closing& closing) const {
  if (!parts_.on_settled) return;
  const FinishedJob& finished = closing.finished;
  parts_.on_settled({*finished.job, finished.ending, finished.outcome, closing.verdict, closing.delay});
}

Fate Settler::fate_of(const Closing& closing) {
  using Ending = FinishedJob::Ending;
  const FinishedJob& finished = closing.finished;
  const bool lost = finished.job->lost && !(closing.recorded && closing.verdict == Verdict::kRetry);
  if (finished.ending == Ending::kUnstarted || finished.ending == Ending::kUnknownKind ||
      finished.ending == Ending::kCondemned) {
    return closing.verdict == Verdict::kDead && !lost ? Fate::kDead : Fate::kUnstarted;
  }
  if (lost || finished.ending == Ending::kInterrupted) return Fate::kInterrupted;
  if (closing.verdict == Verdict::kDead) return Fate::kDead;
  if (closing.verdict == Verdict::kDone) {
    return finished.outcome.kind() == Outcome::Kind::kCancelled ? Fate::kCancelled : Fate::kDone;
  }
  // One that is held, because it cannot be decoded or buried, has not failed.
  const bool failed =
      finished.outcome.kind() == Outcome::Kind::kRetry || finished.outcome.kind() == Outcome::Kind::kRetryAfter;
  return failed ? Fate::kRetried : Fate::kSnoozed;
}

void Settler::tell(const Closing& closing, Fate fate) {
  using What = JobEvent::What;
  constexpr std::array<What, kFates> kWhats{What::kDone,    What::kFailed,      What::kDead,       What::kCancelled,
                                            What::kSnoozed, What::kInterrupted, What::kInterrupted};
  const HeldJob& job = *closing.finished.job;
  const StoredMessage& message = job.delivery.message;
  const bool failed = fate == Fate::kRetried || fate == Fate::kDead;
  const std::string& why = job.record.dead ? job.record.dead->error : closing.finished.outcome.text();
  parts_.events.tell({.what = kWhats.at(static_cast<std::size_t>(fate)),
                      .job = parts_.names.id_of(message).value_or(JobId{}),
                      .queue = job.served().queue,
                      .kind = std::string(message.headers.get(wire::kKind).value_or("")),
                      .attempt = failed ? std::max(job.record.attempts(), 1U) : job.record.attempts() + 1,
                      .worker = parts_.options.name,
                      .error = failed || fate == Fate::kCancelled ? why : ""});
}

void Settler::count(const Closing& closing) {
  const Fate fate = fate_of(closing);
  const HeldJob& job = *closing.finished.job;
  if (parts_.meter.counts()) parts_.meter.ended(job, parts_.rules.handler(job) != nullptr, fate);
  if (fate != Fate::kUnstarted && parts_.events.wanted()) tell(closing, fate);
  switch (fate) {
    case Fate::kDone:
    case Fate::kCancelled: ++parts_.tally.done; return;
    case Fate::kDead: ++parts_.tally.dead; return;
    case Fate::kRetried: ++parts_.tally.retried; return;
    case Fate::kInterrupted: ++parts_.tally.interrupted; return;
    case Fate::kSnoozed:
    case Fate::kUnstarted: return;
  }
}

}  // namespace leat
