// Ends single jobs, on whichever machine they are, and gives delayed ones another time.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat {

// A job that was kScheduled, kPending, kRetrying or kHeld does not run, where clocks differ by less than 0.1 s.
struct CancelResult {
  enum class Was {
    kUnknown,    // not there: finished, or never pushed. Nothing was done
    kScheduled,  // it waited for its time, or for other jobs
    kPending,    // no worker had ever had it
    kRetrying,   // it waited for a retry
    kHeld,       // a worker has it and has not begun: it will not
    kRunning,    // its handler's stop token has fired; it ends as cancelled, unless the handler says done (or has just)
    kNoAnswer,  // a worker has or had it, and none answered in time. Removed: if that worker lives, the handler goes on
                // to its end, and what it says counts no more
  } was = Was::kUnknown;
  std::string worker{};  // kHeld, kRunning: who has it
};

// Thread-safe. Borrows the broker, which must outlive it.
class JobControl {
 public:
  explicit JobControl(Broker& broker, NamespaceOptions name_space = {});
  ~JobControl();

  // The job is gone without a dead letter; those who wait for its result, and the jobs that wait for it, learn that it
  // was cancelled. `max_wait` is how long the worker that has it may take to answer. Cancelling twice changes nothing.
  // Of two jobs with one unique key the one that waits for its time is cancelled first. After kUnavailable and
  // kUnknown, or when this program is killed meanwhile, the job may be gone all the same: then the jobs that wait for
  // it learn of it within ten minutes, and no result tells. Errors: kInvalidArgument (a job of the bulk lane: it has no
  // place of its own), kConflict (others give it new times all the while), kUnavailable, kUnknown.
  Result<CancelResult> cancel(const JobId& id, std::chrono::milliseconds max_wait = std::chrono::seconds(2));

  // Gives a delayed job another time; past ones are now. False when it does not wait for its time (any more): its queue
  // has it, or nobody. Waits for up to 20 s while a scheduler is moving it. Errors: kInvalidArgument (it waits for
  // other jobs), kConflict, kUnavailable, kUnknown (also when that scheduler gives no sign: the job has its new time,
  // but the next one may move it at once).
  Result<bool> reschedule(const JobId& id, SystemTime at);
  // Lets it run now, whatever the time on this machine: from then on its time is when it was enqueued.
  Result<bool> promote(const JobId& id);

 private:
  class Canceller;
  std::unique_ptr<Canceller> canceller_;
};

}  // namespace leat
