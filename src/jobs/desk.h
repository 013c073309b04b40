// Where one handler thread works: what it took and has not begun, what it runs, what it has finished.
//
// One lock per job, held by nobody else but for a moment: the settler collects from it, the lease keeper stops what
// runs.
#pragma once

#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "jobs/held_job.h"
#include "leat/outcome.h"
#include "leat/worker.h"

namespace leat {

// How a job left the worker's hands, on its way to the settler.
struct FinishedJob {
  enum class Ending {
    kOutcome,      // the handler said something
    kUnknownKind,  // there is no handler
    kExhausted,    // its last attempt began and never ended
    kInterrupted,  // stopped before it could say done
    kUnstarted,    // given back without having begun
  };
  HeldJob* job = nullptr;
  Ending ending = Ending::kOutcome;
  Outcome outcome = Outcome::done();
};

// Thread-safe.
class Desk {
 public:
  // Puts the running job among the finished ones, unless it was abandoned.
  void finish(FinishedJob::Ending ending, Outcome outcome);
  // Makes the caller the one who ends the running job, whatever its handler will say; null when there is none.
  HeldJob* abandon_running();
  // While the runner writes the running job's record, nobody else may touch it: it cannot be abandoned.
  void set_writing_record(bool writing);
  // Begins the next of the waiting jobs; null when there is none.
  HeldJob* begin_next();
  void add_waiting(std::vector<HeldJob*>& jobs);
  // Takes half of the waiting jobs, at least one if there is any.
  void steal(std::vector<HeldJob*>& into);
  // Takes all of the waiting jobs.
  void take_waiting(std::vector<HeldJob*>& into);
  void take_finished(std::vector<FinishedJob>& into);

  // Fires the stop token of the running job if it is `job`, or of any when null; true when it did.
  bool stop_running(const HeldJob* job, StopReason reason);
  HeldJob* running() const;

  // For the running job, asked by its own handler.
  std::stop_token stop_token() const;
  StopReason stop_reason() const;

 private:
  mutable Mutex mutex_;
  std::deque<HeldJob*> waiting_ LEAT_GUARDED_BY(mutex_);
  std::vector<FinishedJob> finished_ LEAT_GUARDED_BY(mutex_);
  HeldJob* running_ LEAT_GUARDED_BY(mutex_) = nullptr;
  bool abandoned_ LEAT_GUARDED_BY(mutex_) = false;  // the running one
  bool writing_record_ LEAT_GUARDED_BY(mutex_) = false;
  std::stop_source stop_ LEAT_GUARDED_BY(mutex_);
  StopReason reason_ LEAT_GUARDED_BY(mutex_) = StopReason::kNone;
};

}  // namespace leat
