#include "runner/run_state.h"

#include <algorithm>

namespace leat {

std::size_t RunState::add(std::string name) {
  MutexLock lock(mutex_);
  processes_.push_back({.name = std::move(name)});
  return processes_.size() - 1;
}

void RunState::started(std::size_t process) {
  MutexLock lock(mutex_);
  processes_[process].phase = Process::Phase::kStarting;
}

void RunState::ready(std::size_t process) {
  MutexLock lock(mutex_);
  if (processes_[process].phase != Process::Phase::kStarting) return;
  processes_[process].phase = Process::Phase::kReady;
  log_.info("process ready", {{"process", processes_[process].name}});
  changed_.notify_all();
}

void RunState::ended(std::size_t process, const Result<void>& how) {
  MutexLock lock(mutex_);
  const std::string& name = processes_[process].name;
  processes_[process].phase = Process::Phase::kEnded;
  if (!how) {
    log_.error("process failed", {{"process", name}, {"error", how.error().message()}});
    process_failed_ = true;
    if (!failure_) failure_ = how.error().with_context(name);
    stop_locked("a process failed");
  } else {
    log_.info("process ended", {{"process", name}});
    if (when_one_returns_ == RunnerOptions::WhenOneReturns::kAllStop) stop_locked("a process returned");
  }
  changed_.notify_all();
}

void RunState::fail(const Error& error) {
  log_.error("runner failed", {{"error", error.message()}});
  note(error);
  stop("the runner failed");
}

void RunState::note(const Error& error) {
  MutexLock lock(mutex_);
  if (!failure_) failure_ = error;
}

void RunState::stop(std::string_view why) {
  MutexLock lock(mutex_);
  stop_locked(why);
}

void RunState::stop_locked(std::string_view why) {
  if (stopping_) return;
  stopping_ = true;
  log_.info("runner stops", {{"why", why}});
  changed_.notify_all();
}

bool RunState::runs(const Process& process) const {
  return process.phase == Process::Phase::kStarting || process.phase == Process::Phase::kReady;
}

bool RunState::any_runs() const {
  return std::any_of(processes_.begin(), processes_.end(),
                     [this](const Process& process) LEAT_REQUIRES(mutex_) { return runs(process); });
}

bool RunState::wait_until_ready(std::size_t process) {
  MutexLock lock(mutex_);
  changed_.wait(
      mutex_, [&]() LEAT_REQUIRES(mutex_) { return stopping_ || processes_[process].phase >= Process::Phase::kReady; });
  return !stopping_;
}

void RunState::wait_until_stopping() {
  MutexLock lock(mutex_);
  changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return stopping_ || !any_runs(); });
  stop_locked("all processes have returned");
}

bool RunState::wait_until_ended(Duration patience) {
  MutexLock lock(mutex_);
  if (wait_until(clock_, changed_, mutex_, deadline_after(clock_, patience), {},
                 [this]() LEAT_REQUIRES(mutex_) { return !any_runs(); })) {
    return true;
  }
  for (const Process& process : processes_) {
    if (!runs(process)) continue;
    log_.error("process does not stop: the program ends without it", {{"process", process.name}});
    if (!failure_) failure_ = Error(ErrorCode::kUnavailable, process.name + ": did not stop in time");
  }
  return false;
}

bool RunState::stopping() const {
  MutexLock lock(mutex_);
  return stopping_;
}

std::optional<Error> RunState::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

Result<void> RunState::check_live() const {
  MutexLock lock(mutex_);
  if (process_failed_) return failure_->with_context("a process failed");
  return {};
}

Result<void> RunState::check_ready() const {
  MutexLock lock(mutex_);
  if (stopping_) return Error(ErrorCode::kUnavailable, "the program stops");
  for (const Process& process : processes_) {
    if (process.phase < Process::Phase::kReady)
      return Error(ErrorCode::kUnavailable, process.name + " has not started yet");
  }
  return {};
}

}  // namespace leat
