// What the settler makes of the way in which a handler call ended: done, another attempt, later, or dead.
#include <algorithm>

#include "core/later.h"
#include "core/text.h"
#include "jobs/settler.h"
#include "jobs/unique_key.h"

namespace leat {
namespace {

constexpr Duration kShortestHold = std::chrono::seconds(1);   // before a job that is undecodable comes again
constexpr Duration kUnburiedHold = std::chrono::minutes(15);  // before a letter that cannot be stored is tried again

}  // namespace

std::string Settler::shortened(std::string_view error) {
  constexpr std::size_t kLongest = 4096;
  if (error.size() <= kLongest) return std::string(error);
  std::size_t end = kLongest;  // of what is no UTF-8, too
  while (end > kLongest - 4 && (static_cast<unsigned char>(error[end]) & 0xc0) == 0x80) --end;
  return std::string(error.substr(0, end));
}

void Settler::judge(Closing& closing) {
  closing.judged = true;
  switch (closing.finished.ending) {
    case FinishedJob::Ending::kOutcome:
    case FinishedJob::Ending::kCancelled: return judge_outcome(closing);
    case FinishedJob::Ending::kUnknownKind: return judge_unknown_kind(closing);
    case FinishedJob::Ending::kInterrupted: return judge_interruption(closing);
    case FinishedJob::Ending::kExhausted:
      return condemn(closing, JobRules::keeps_crashing(*closing.finished.job) ? "crashed" : "attempts",
                     "its last attempt began and never ended: the worker died");
    case FinishedJob::Ending::kCondemned: return end_condemned(closing);
    case FinishedJob::Ending::kExpired: return judge_expiry(closing);
    case FinishedJob::Ending::kUnstarted:
      closing.delay = closing.finished.outcome.delay();
      return judge_interruption(closing);  // its mark may have been stored although that seemed to fail
  }
}

void Settler::judge_outcome(Closing& closing) {
  const HeldJob& job = *closing.finished.job;
  const Outcome& outcome = closing.finished.outcome;
  // A unique key is free once the broker has processed the settlement.
  closing.confirm = job.record.revision != 0 || is_unique(job.delivery.message);
  closing.store_ending = leaves_something(job.delivery.message);
  switch (outcome.kind()) {
    case Outcome::Kind::kDone:
    case Outcome::Kind::kCancelled: return record_ending(closing);
    case Outcome::Kind::kDead: add_failure(closing, outcome.text()); return condemn(closing, "dead", outcome.text());
    case Outcome::Kind::kUndecodable: return judge_undecodable(closing);
    case Outcome::Kind::kSnooze: return judge_snooze(closing);
    case Outcome::Kind::kRetry:
    case Outcome::Kind::kRetryAfter: return judge_failure(closing);
  }
}

// The attempt has ended: if the worker dies before the settlement, that is no crash of the job.
void Settler::record_ending(Closing& closing) {
  AttemptRecord& record = closing.finished.job->record;
  if (!record.started) return;
  record.started.reset();
  closing.drop_mark = record.is_only_mark();
  closing.store_record = !closing.drop_mark;
}

void Settler::add_failure(Closing& closing, std::string_view error) {
  HeldJob& job = *closing.finished.job;
  job.record.add_failure({.attempt = job.record.attempts() + 1,
                          .delivery = job.delivery.lease.delivery_count,
                          .at = parts_.clock.now(),
                          .worker = parts_.attempts.worker(),
                          .error = shortened(error)});
}

void Settler::judge_failure(Closing& closing) {
  HeldJob& job = *closing.finished.job;
  const Outcome& outcome = closing.finished.outcome;
  const SystemTime now = parts_.clock.now();
  add_failure(closing, outcome.text());
  if (job.record.attempts() >= parts_.rules.max_attempts(job)) return condemn(closing, "attempts", outcome.text());
  const double random = parts_.random ? parts_.random() : std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  closing.delay = outcome.kind() == Outcome::Kind::kRetryAfter
                      ? std::max(outcome.delay(), Duration{0})
                      : parts_.rules.retry(job).delay(job.record.failed, random);
  job.record.due = later(now, closing.delay);
  if (const auto deadline = JobRules::deadline(job); deadline && *job.record.due >= *deadline) {
    return condemn(closing, "deadline", outcome.text());
  }
  closing.verdict = Verdict::kRetry;
  closing.store_record = true;
  closing.store_ending = false;
  parts_.log.warn("attempt failed", {{"job_id", parts_.names.id_text(job.delivery.message)},
                                     {"attempt", job.record.attempts()},
                                     {"retry_in", format_duration(to_milliseconds(closing.delay))},
                                     {"error", outcome.text()}});
}

// Neither an attempt nor a failure: only the time before which it does not come again is remembered.
void Settler::judge_snooze(Closing& closing) {
  HeldJob& job = *closing.finished.job;
  job.record.started.reset();
  closing.delay = std::max(closing.finished.outcome.delay(), Duration{0});
  job.record.due = later(parts_.clock.now(), closing.delay);
  if (const auto deadline = JobRules::deadline(job); deadline && *job.record.due >= *deadline) {
    return condemn(closing, "deadline", "it was snoozed past its deadline");
  }
  closing.verdict = Verdict::kRetry;
  closing.store_record = true;
  closing.store_ending = false;
}

void Settler::judge_expiry(Closing& closing) {
  const std::string& said = closing.finished.outcome.text();
  if (!said.empty()) add_failure(closing, said);
  condemn(closing, "deadline", said.empty() ? "its deadline passed before an attempt could begin" : said);
}

// Its bytes are never dropped: without dead letters it waits for a worker that can read it, and no attempt is counted.
void Settler::judge_undecodable(Closing& closing) {
  HeldJob& job = *closing.finished.job;
  const std::string& why = closing.finished.outcome.text();
  if (parts_.undertaker.keeps_letters()) {
    add_failure(closing, why);
    return condemn(closing, "undecodable", why);
  }
  job.record.started.reset();
  closing.delay = std::max(parts_.options.unknown_kind_grace, kShortestHold);
  job.record.due = later(parts_.clock.now(), closing.delay);
  closing.verdict = Verdict::kRetry;
  closing.store_record = true;
  closing.store_ending = false;
  parts_.log.error("a job cannot be decoded and stays in its queue: no dead letters are kept",
                   {{"job_id", parts_.names.id_text(job.delivery.message)},
                    {"again_in", format_duration(closing.delay)},
                    {"error", why}});
}

// Another worker may know the kind: the job waits for one, and no attempt is counted.
void Settler::judge_unknown_kind(Closing& closing) {
  HeldJob& job = *closing.finished.job;
  const StoredMessage& message = job.delivery.message;
  const std::string kind(message.headers.get(wire::kKind).value_or("(none)"));
  const SystemTime now = parts_.clock.now();
  const SystemTime since = job.record.unknown_since.value_or(now);
  const Duration waited = now - since;
  const bool dies = parts_.undertaker.keeps_letters();
  const Duration left = dies ? parts_.options.unknown_kind_grace - waited : Duration::max();
  if (left <= Duration{0}) return condemn(closing, "unknown_kind", "no worker has a handler for kind " + kind);
  constexpr Duration kShortest = std::chrono::seconds(1);
  constexpr Duration kLongest = std::chrono::seconds(30);
  closing.verdict = Verdict::kRetry;
  closing.store_record = !job.record.unknown_since;
  job.record.unknown_since = since;
  closing.delay = std::min(std::clamp(waited / 4, kShortest, kLongest), left);
  // Many jobs of a kind come again and again: one line a while says it for all.
  constexpr Duration kQuiet = std::chrono::seconds(10);
  SteadyTime& said = unknown_said_[kind];
  if (said != SteadyTime{} && parts_.clock.steady() - said < kQuiet) return;
  said = parts_.clock.steady();
  parts_.log.warn(std::string("no handler for this kind: start a worker that has one, or the job ") +
                      (dies ? "becomes a dead letter" : "waits on"),
                  {{"job_id", parts_.names.id_text(job.delivery.message)},
                   {"kind", kind},
                   {"dead_in", dies ? format_duration(std::chrono::floor<std::chrono::seconds>(left)) : "never"}});
}

void Settler::judge_interruption(Closing& closing) {
  HeldJob& job = *closing.finished.job;
  closing.verdict = Verdict::kRetry;
  if (!job.record.started) return;
  job.record.started.reset();
  ++job.record.interrupted;
  closing.store_record = true;
}

void Settler::condemn(Closing& closing, std::string_view reason, std::string_view error) {
  AttemptRecord& record = closing.finished.job->record;
  record.started.reset();
  record.due.reset();
  record.dead = {.reason = std::string(reason), .error = shortened(error)};
  closing.store_record = true;
  end_condemned(closing);
}

void Settler::end_condemned(Closing& closing) {
  closing.verdict = Verdict::kDead;
  closing.store_ending = leaves_something(closing.finished.job->delivery.message);
  closing.bury = true;
  closing.confirm = true;
}

// What was pushed by leat always fits. Its message is kept, and nobody runs it: it has died.
void Settler::hold_unburied(Closing& closing, const Error& error) {
  closing.bury = false;
  closing.verdict = Verdict::kRetry;
  closing.delay = kUnburiedHold;
  parts_.log.error("a dead job stays in its queue: its dead letter cannot be stored",
                   {{"job_id", parts_.names.id_text(closing.finished.job->delivery.message)},
                    {"again_in", format_duration(closing.delay)},
                    {"error", error.message()}});
}

}  // namespace leat
