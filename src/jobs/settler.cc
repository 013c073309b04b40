#include "jobs/settler.h"

#include <algorithm>

namespace leat {
namespace {

constexpr Duration kRoundPause = std::chrono::milliseconds(1);   // between two rounds under load: makes batches
constexpr Duration kStepPause = std::chrono::milliseconds(200);  // before a failed step is tried again
constexpr Duration kLastTry = std::chrono::seconds(10);          // on stop: how long failed steps are tried
constexpr int kTriesNow = 10;                                    // of a failed step, by who settles without a thread

}  // namespace

Settler::Settler(Parts parts)
    : parts_(std::move(parts)),
      random_(static_cast<std::minstd_rand::result_type>(parts_.clock.now().time_since_epoch().count())) {}

void Settler::start() {
  thread_ = start_thread("settler", [this](const std::stop_token&) { run(); });
}

void Settler::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Settler::wake() {
  if (work_.load() || work_.exchange(true)) return;
  MutexLock lock(mutex_);
  changed_.notify_all();
}

void Settler::give_back(std::vector<HeldJob*> jobs) {
  if (jobs.empty()) return;
  {
    MutexLock lock(mutex_);
    for (HeldJob* job : jobs) inbox_.push_back({.job = job, .ending = FinishedJob::Ending::kUnstarted});
  }
  wake();
}

void Settler::give_back_until_due(const std::vector<HeldJob*>& jobs) {
  const SystemTime now = parts_.clock.now();
  {
    MutexLock lock(mutex_);
    for (HeldJob* job : jobs) {
      inbox_.push_back({.job = job,
                        .ending = FinishedJob::Ending::kUnstarted,
                        .outcome = Outcome::retry_after(*job->record.due - now, {})});
    }
  }
  wake();
}

void Settler::abandon(const std::vector<HeldJob*>& jobs) {
  for (HeldJob* job : jobs) {
    ++parts_.tally.interrupted;
    if (job->lost.exchange(true)) continue;
    HeldJob* const one = job;
    if (job->record.started) {
      job->record.started.reset();
      ++job->record.interrupted;
      if (!parts_.attempts.store({&one, 1}).front()) {
        forgo(*job);
        continue;
      }
    }
    const Settlement back{.lease = job->delivery.lease, .verdict = Verdict::kRetry, .confirm = true};
    if (const auto given = job->consumer().settle({&back, 1}).front(); !given) {
      parts_.log.warn("a job could not be given back",
                      {{"job_id", parts_.names.id_text(job->delivery.message)}, {"error", given.error().message()}});
    }
  }
}

void Settler::forgo(const HeldJob& job) {
  parts_.attempts.note_interruption(job);
  wake();
}

void Settler::drain(Duration patience) {
  MutexLock lock(mutex_);
  wait_until(real_clock(), changed_, mutex_, deadline_after(real_clock(), patience), {},
             [this]() LEAT_REQUIRES(mutex_) { return idle_ && inbox_.empty() && !work_.load(); });
}

// True while there is, or may be, something to do.
bool Settler::wait_for_work() {
  Clock& pace = real_clock();
  const bool nothing_left = later_.empty() && !parts_.attempts.owes_interruptions();
  MutexLock lock(mutex_);
  idle_ = nothing_left;
  if (idle_) changed_.notify_all();
  const auto awake = [&]() LEAT_REQUIRES(mutex_) {
    return work_.load() || !inbox_.empty() || (stopping_ && nothing_left);
  };
  const SteadyTime retry_at = nothing_left ? SteadyTime::max() : pace.steady() + kStepPause;
  wait_until(pace, changed_, mutex_, retry_at, {}, awake);
  if (stopping_) {
    if (give_up_at_ == SteadyTime::max()) give_up_at_ = pace.steady() + kLastTry;
    if (nothing_left && !work_.load() && inbox_.empty()) return false;
    return pace.steady() < give_up_at_;
  }
  idle_ = false;
  // Right after a round more is on its way: a moment's patience makes one settlement of many.
  wait_until(pace, changed_, mutex_, last_round_ + kRoundPause, {},
             [this]() LEAT_REQUIRES(mutex_) { return stopping_; });
  return true;
}

void Settler::run() {
  std::vector<Closing> batch;
  while (wait_for_work()) {
    last_round_ = real_clock().steady();
    collect(batch);
    if (!batch.empty()) process(batch);
    batch.clear();
    parts_.attempts.store_interruptions();
  }
}

std::size_t Settler::settle_now() {
  std::size_t settled = 0;
  for (int tries = 0; tries < kTriesNow; ++tries) {
    std::vector<Closing> batch;
    collect(batch);
    if (batch.empty()) break;
    process(batch);
    settled += batch.size() - later_.size();
  }
  return settled;
}

void Settler::collect(std::vector<Closing>& batch) {
  std::vector<FinishedJob> finished;
  work_ = false;  // before looking: what comes later sets it again
  {
    MutexLock lock(mutex_);
    finished.swap(inbox_);
  }
  for (const auto& desk : parts_.desks) desk->take_finished(finished);
  batch.reserve(finished.size() + later_.size());
  std::move(later_.begin(), later_.end(), std::back_inserter(batch));
  later_.clear();
  for (FinishedJob& job : finished) batch.push_back({.finished = std::move(job)});
}

void Settler::process(std::vector<Closing>& batch) {
  for (Closing& closing : batch) {
    closing.failed = false;
    if (!closing.judged && !closing.finished.job->lost) judge(closing);
  }
  store_records(batch);
  store_endings(batch);
  drop_marks(batch);
  bury(batch);
  settle(batch);
  conclude(batch);
}

void Settler::retry_step(Closing& closing, std::string_view step, const Error& error) {
  closing.failed = true;
  if (error.code() == ErrorCode::kLeaseLost) closing.finished.job->lost = true;
  parts_.log.warn("a job could not be ended; trying again while its lease holds",
                  {{"job_id", parts_.names.id_text(closing.finished.job->delivery.message)},
                   {"step", step},
                   {"error", error.message()}});
}

void Settler::store_endings(std::vector<Closing>& batch) {
  std::vector<EndedJob> endings;
  std::vector<Closing*> closings;
  for (Closing& closing : batch) {
    if (!closing.store_ending || closing.failed || closing.finished.job->lost) continue;
    const StoredMessage& message = closing.finished.job->delivery.message;
    endings.push_back({.job = &message, .id = parts_.names.id_text(message), .result = result_of(closing)});
    closings.push_back(&closing);
  }
  if (endings.empty()) return;
  const auto written = parts_.endings.write(endings);
  for (std::size_t i = 0; i < endings.size(); ++i) {
    if (written[i]) {
      closings[i]->store_ending = false;
    } else if (written[i].error().code() == ErrorCode::kInvalidArgument && !closings[i]->bury) {
      // Stays to be stored: what died of its result has one, too.
      const std::string error = "its result cannot be stored: " + written[i].error().message();
      add_failure(*closings[i], error);
      condemn(*closings[i], "dead", error);
      closings[i]->failed = true;
    } else {
      retry_step(*closings[i], "store result", written[i].error());
    }
  }
}

JobResult Settler::result_of(const Closing& closing) const {
  const AttemptRecord& record = closing.finished.job->record;
  const Outcome& outcome = closing.finished.outcome;
  JobResult result{.attempts = record.attempts(),
                   .finished_at = parts_.clock.now(),
                   .enqueued_at = enqueued_at(closing.finished.job->delivery.message)};
  if (closing.bury) {
    result.state = JobResult::State::kDead;
    result.error = record.dead->error;
    return result;
  }
  if (closing.finished.ending == FinishedJob::Ending::kOutcome) ++result.attempts;
  if (outcome.kind() == Outcome::Kind::kCancelled) {
    result.state = JobResult::State::kCancelled;
    result.error = shortened(outcome.text());
  } else {
    result.value = outcome.text();
  }
  return result;
}

void Settler::store_records(std::vector<Closing>& batch) {
  std::vector<HeldJob*> jobs;
  std::vector<Closing*> closings;
  for (Closing& closing : batch) {
    if (!closing.store_record || closing.failed || closing.finished.job->lost) continue;
    jobs.push_back(closing.finished.job);
    closings.push_back(&closing);
  }
  if (jobs.empty()) return;
  const auto stored = parts_.attempts.store(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (stored[i]) {
      closings[i]->store_record = false;
      closings[i]->recorded = true;
    } else {
      retry_step(*closings[i], "store attempt record", stored[i].error());
    }
  }
}

void Settler::drop_marks(std::vector<Closing>& batch) {
  std::vector<HeldJob*> jobs;
  for (Closing& closing : batch) {
    if (closing.drop_mark && !closing.failed && !closing.finished.job->lost) jobs.push_back(closing.finished.job);
    closing.drop_mark = false;
  }
  if (!jobs.empty()) parts_.attempts.erase(jobs);
}

void Settler::bury(std::vector<Closing>& batch) {
  std::vector<const HeldJob*> jobs;
  std::vector<Closing*> closings;
  for (Closing& closing : batch) {
    if (!closing.bury || closing.failed || closing.finished.job->lost) continue;
    jobs.push_back(closing.finished.job);
    closings.push_back(&closing);
  }
  if (jobs.empty()) return;
  const auto buried = parts_.undertaker.bury(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!buried[i] && buried[i].error().code() == ErrorCode::kInvalidArgument) {
      hold_unburied(*closings[i], buried[i].error());
      continue;
    }
    if (!buried[i]) {
      retry_step(*closings[i], "store dead letter", buried[i].error());
      continue;
    }
    closings[i]->bury = false;
    const AttemptRecord& record = jobs[i]->record;
    parts_.log.error("job is dead", {{"job_id", parts_.names.id_text(jobs[i]->delivery.message)},
                                     {"reason", record.dead->reason},
                                     {"attempts", record.attempts()},
                                     {"error", record.dead->error},
                                     {"dead_letter", parts_.undertaker.keeps_letters() ? "kept" : "none"}});
  }
}

void Settler::settle(std::vector<Closing>& batch) {
  std::vector<Consumer*> consumers;
  for (const Closing& closing : batch) {
    Consumer* consumer = &closing.finished.job->consumer();
    if (std::find(consumers.begin(), consumers.end(), consumer) == consumers.end()) consumers.push_back(consumer);
  }
  std::vector<Closing*> closings;
  for (Consumer* consumer : consumers) {
    closings.clear();
    for (Closing& closing : batch) {
      const HeldJob& job = *closing.finished.job;
      if (&job.consumer() == consumer && !closing.failed && !job.lost) closings.push_back(&closing);
    }
    if (!closings.empty()) settle_with(*consumer, closings);
  }
}

void Settler::settle_with(Consumer& consumer, std::vector<Closing*>& closings) {
  // In the order of the stream: a broker removes from its beginning for less than from its middle.
  const auto sequence = [](const Closing* closing) { return closing->finished.job->delivery.lease.sequence; };
  std::sort(closings.begin(), closings.end(),
            [&](const Closing* one, const Closing* other) { return sequence(one) < sequence(other); });
  std::vector<Settlement> settlements;
  settlements.reserve(closings.size());
  for (const Closing* closing : closings) {
    closing->finished.job->settling = true;
    settlements.push_back({.lease = closing->finished.job->delivery.lease,
                           .verdict = closing->verdict,
                           .delay = closing->delay,
                           .confirm = closing->confirm});
  }
  const auto settled = consumer.settle(settlements);
  for (std::size_t i = 0; i < closings.size(); ++i) {
    if (settled[i]) continue;
    closings[i]->finished.job->settling = false;
    retry_step(*closings[i], "settle", settled[i].error());
  }
}

// Strikes off what is settled or lost, and keeps the rest for another try. An attempt that was lost costs nothing.
void Settler::conclude(std::vector<Closing>& batch) {
  std::vector<HeldJob*> over;
  std::vector<HeldJob*> remembered;
  over.reserve(batch.size());
  for (Closing& closing : batch) {
    HeldJob* job = closing.finished.job;
    if (closing.failed && !job->lost) {
      later_.push_back(std::move(closing));
      continue;
    }
    over.push_back(job);
    const bool is_over = !job->lost && closing.verdict != Verdict::kRetry;
    if (job->lost && job->desk != nullptr) parts_.attempts.note_interruption(*job);
    if (is_over && job->record.revision != 0) remembered.push_back(job);
    if (is_over) parts_.calls.over(*job);
    count(closing);
    report(closing);
  }
  if (!remembered.empty()) parts_.attempts.erase(remembered);
  parts_.ledger.settled(over);
}

}  // namespace leat
