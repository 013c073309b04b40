#include "jobs/desk.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace leat {

HeldJob* Desk::begin_next(SteadyTime now) {
  MutexLock lock(mutex_);
  if (closed_ || waiting_.empty()) return nullptr;
  HeldJob* job = waiting_.front();
  waiting_.pop_front();
  if (free_slots_.empty()) {
    free_slots_.push_back(runs_.size());
    runs_.emplace_back();
  }
  job->slot = free_slots_.back();
  free_slots_.pop_back();
  Run& run = runs_[job->slot];
  run.job = job;
  run.number = ++begun_;
  if (run.reason != StopReason::kNone) run.stop = std::stop_source();  // a token that has fired serves no second job
  run.reason = StopReason::kNone;
  run.facts = {.began = now};
  job->desk = this;
  return job;
}

void Desk::add_waiting(std::vector<HeldJob*>& jobs) {
  MutexLock lock(mutex_);
  waiting_.insert(waiting_.end(), jobs.begin(), jobs.end());
  jobs.clear();
}

void Desk::steal(std::vector<HeldJob*>& into) {
  MutexLock lock(mutex_);
  if (closed_) return;
  for (std::size_t count = (waiting_.size() + 1) / 2; count > 0; --count) {
    into.push_back(waiting_.back());
    waiting_.pop_back();
  }
}

void Desk::take_waiting(std::vector<HeldJob*>& into) {
  MutexLock lock(mutex_);
  into.insert(into.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
}

const Desk::Run& Desk::run(const HeldJob& job) const {
  return runs_[job.slot];
}
Desk::Run& Desk::run(const HeldJob& job) {
  return runs_[job.slot];
}

void Desk::finish(const HeldJob& job, FinishedJob::Ending ending, Outcome outcome) {
  MutexLock lock(mutex_);
  Run& ended = run(job);
  if (!ended.abandoned) finished_.push_back({.job = ended.job, .ending = ending, .outcome = std::move(outcome)});
  ended.job = nullptr;
  ended.abandoned = false;
  free_slots_.push_back(job.slot);
}

void Desk::take_finished(std::vector<FinishedJob>& into) {
  MutexLock lock(mutex_);
  if (into.empty()) {
    into.swap(finished_);
  } else {
    into.insert(into.end(), std::make_move_iterator(finished_.begin()), std::make_move_iterator(finished_.end()));
    finished_.clear();
  }
}

void Desk::abandon_running(std::vector<HeldJob*>& into, SteadyTime until) {
  MutexLock lock(mutex_);
  closed_ = true;
  wait_until(real_clock(), record_written_, mutex_, until, {}, [this]() LEAT_REQUIRES(mutex_) {
    return std::none_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.writing_record; });
  });
  for (Run& run : runs_) {
    if (run.job == nullptr || run.writing_record || std::exchange(run.abandoned, true)) continue;
    into.push_back(run.job);
  }
}

bool Desk::begin_record(const HeldJob& job) {
  MutexLock lock(mutex_);
  if (run(job).abandoned) return false;
  run(job).writing_record = true;
  return true;
}

void Desk::end_record(const HeldJob& job) {
  MutexLock lock(mutex_);
  run(job).writing_record = false;
  record_written_.notify_all();
}

std::optional<Desk::RunId> Desk::find_run(const HeldJob& job) const {
  MutexLock lock(mutex_);
  if (job.slot >= runs_.size() || runs_[job.slot].job != &job) return std::nullopt;
  return RunId{job.slot, runs_[job.slot].number};
}

bool Desk::stop_run(RunId id, StopReason reason) {
  std::stop_source stop{std::nostopstate};
  bool first = false;
  {
    MutexLock lock(mutex_);
    if (id.slot >= runs_.size()) return false;
    Run& run = runs_[id.slot];
    if (run.job == nullptr || run.number != id.number) return false;
    first = run.reason == StopReason::kNone;
    if (first) run.reason = reason;
    stop = run.stop;
  }
  if (first) on_stop_(*this, id);
  stop.request_stop();  // runs the handler's own callbacks: not under a lock
  return true;
}

void Desk::stop_all(StopReason reason) {
  std::vector<RunId> ids;
  {
    MutexLock lock(mutex_);
    for (std::size_t slot = 0; slot < runs_.size(); ++slot) {
      if (runs_[slot].job != nullptr) ids.push_back({slot, runs_[slot].number});
    }
  }
  for (const RunId id : ids) stop_run(id, reason);
}

std::size_t Desk::running() const {
  MutexLock lock(mutex_);
  return runs_.size() - free_slots_.size();
}

void Desk::visit_running(const std::function<void(const HeldJob&, const RunFacts&)>& visit) const {
  MutexLock lock(mutex_);
  for (const Run& run : runs_) {
    if (run.job != nullptr && !run.writing_record) visit(*run.job, run.facts);
  }
}

bool Desk::visit_run(RunId id, const std::function<void(const HeldJob&, const RunFacts&)>& visit) const {
  MutexLock lock(mutex_);
  if (id.slot >= runs_.size() || runs_[id.slot].job == nullptr || runs_[id.slot].number != id.number) return false;
  visit(*runs_[id.slot].job, runs_[id.slot].facts);
  return true;
}

Desk::RunId Desk::run_of(const HeldJob& job) const {
  MutexLock lock(mutex_);
  return {job.slot, run(job).number};
}

std::stop_token Desk::stop_token(const HeldJob& job) const {
  MutexLock lock(mutex_);
  return run(job).stop.get_token();
}

StopReason Desk::stop_reason(const HeldJob& job) const {
  MutexLock lock(mutex_);
  return run(job).reason;
}

void Desk::set_progress(const HeldJob& job, double fraction, std::string_view note) {
  MutexLock lock(mutex_);
  RunFacts& facts = run(job).facts;
  facts.progress = std::isnan(fraction) ? 0 : std::clamp(fraction, 0.0, 1.0);
  facts.note = note.substr(0, kLongestNote);
}

}  // namespace leat
