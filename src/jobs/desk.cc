#include "jobs/desk.h"

#include <utility>

namespace leat {

void Desk::finish(FinishedJob::Ending ending, Outcome outcome) {
  MutexLock lock(mutex_);
  if (!abandoned_) finished_.push_back({.job = running_, .ending = ending, .outcome = std::move(outcome)});
  running_ = nullptr;
  abandoned_ = false;
}

HeldJob* Desk::abandon_running() {
  MutexLock lock(mutex_);
  if (running_ == nullptr || writing_record_ || std::exchange(abandoned_, true)) return nullptr;
  return running_;
}

void Desk::set_writing_record(bool writing) {
  MutexLock lock(mutex_);
  writing_record_ = writing;
}

HeldJob* Desk::begin_next() {
  MutexLock lock(mutex_);
  if (waiting_.empty()) return nullptr;
  running_ = waiting_.front();
  waiting_.pop_front();
  if (reason_ != StopReason::kNone) {  // a token that has fired, or is about to, serves no second job
    stop_ = std::stop_source();
    reason_ = StopReason::kNone;
  }
  return running_;
}

void Desk::add_waiting(std::vector<HeldJob*>& jobs) {
  MutexLock lock(mutex_);
  waiting_.insert(waiting_.end(), jobs.begin(), jobs.end());
  jobs.clear();
}

void Desk::steal(std::vector<HeldJob*>& into) {
  MutexLock lock(mutex_);
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

void Desk::take_finished(std::vector<FinishedJob>& into) {
  MutexLock lock(mutex_);
  if (into.empty()) {
    into.swap(finished_);
  } else {
    into.insert(into.end(), std::make_move_iterator(finished_.begin()), std::make_move_iterator(finished_.end()));
    finished_.clear();
  }
}

bool Desk::stop_running(const HeldJob* job, StopReason reason) {
  std::stop_source stop{std::nostopstate};
  {
    MutexLock lock(mutex_);
    if (running_ == nullptr || (job != nullptr && running_ != job)) return false;
    if (reason_ == StopReason::kNone) reason_ = reason;
    stop = stop_;
  }
  stop.request_stop();  // runs the handler's own callbacks: not under a lock
  return true;
}

HeldJob* Desk::running() const {
  MutexLock lock(mutex_);
  return running_;
}

std::stop_token Desk::stop_token() const {
  MutexLock lock(mutex_);
  return stop_.get_token();
}

StopReason Desk::stop_reason() const {
  MutexLock lock(mutex_);
  return reason_;
}

}  // namespace leat
