// What the threads of a run tell each other: how far each process is, whether all are to stop, and what failed.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "leat/log.h"
#include "leat/runner.h"

namespace leat {

// Thread-safe; processes are added before the run.
class RunState {
 public:
  RunState(Clock& clock, Log& log, RunnerOptions::WhenOneReturns when_one_returns)
      : clock_(clock), log_(log), when_one_returns_(when_one_returns) {}

  // Its number, from 0.
  std::size_t add(std::string name) LEAT_EXCLUDES(mutex_);

  void started(std::size_t process) LEAT_EXCLUDES(mutex_);
  void ready(std::size_t process) LEAT_EXCLUDES(mutex_);
  void ended(std::size_t process, const Result<void>& how) LEAT_EXCLUDES(mutex_);
  // Something else than a process failed; fail() stops all.
  void fail(const Error& error) LEAT_EXCLUDES(mutex_);
  void note(const Error& error) LEAT_EXCLUDES(mutex_);
  // The first call counts, and its reason.
  void stop(std::string_view why) LEAT_EXCLUDES(mutex_);

  // Waits until the process is ready or has ended; false when all are to stop.
  bool wait_until_ready(std::size_t process) LEAT_EXCLUDES(mutex_);
  // Waits until all are to stop, or all have ended by themselves.
  void wait_until_stopping() LEAT_EXCLUDES(mutex_);
  // False, with a line in the log for each that runs on, when the time is over.
  bool wait_until_ended(Duration patience) LEAT_EXCLUDES(mutex_);

  bool stopping() const LEAT_EXCLUDES(mutex_);
  std::optional<Error> failure() const LEAT_EXCLUDES(mutex_);
  Result<void> check_live() const LEAT_EXCLUDES(mutex_);
  Result<void> check_ready() const LEAT_EXCLUDES(mutex_);

 private:
  struct Process {
    std::string name;
    enum class Phase { kWaiting, kStarting, kReady, kEnded } phase = Phase::kWaiting;
  };
  void stop_locked(std::string_view why) LEAT_REQUIRES(mutex_);
  bool runs(const Process& process) const LEAT_REQUIRES(mutex_);
  bool any_runs() const LEAT_REQUIRES(mutex_);

  Clock& clock_;
  Log& log_;
  const RunnerOptions::WhenOneReturns when_one_returns_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Process> processes_ LEAT_GUARDED_BY(mutex_);
  bool stopping_ LEAT_GUARDED_BY(mutex_) = false;
  bool process_failed_ LEAT_GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
