// Calls handlers: the threads that run the user's code, each at a desk of its own.
#pragma once

#include <memory>
#include <vector>

#include "core/thread.h"
#include "jobs/attempt_book.h"
#include "jobs/desk.h"
#include "jobs/event_log.h"
#include "jobs/job_calls.h"
#include "jobs/job_meter.h"
#include "jobs/job_rules.h"
#include "jobs/lease_keeper.h"
#include "jobs/ready_queue.h"
#include "jobs/settler.h"
#include "jobs/time_limits.h"

namespace leat {

class JobRunner {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    const WorkerOptions& options;
    Names names;
    const JobRules& rules;
    std::vector<std::unique_ptr<Desk>>& desks;
    ReadyQueue& ready;
    AttemptBook& attempts;
    JobCalls& calls;
    Settler& settler;
    LeaseKeeper& leases;
    TimeLimits& limits;
    JobMeter& meter;
    EventLog& events;
    WorkerTally& tally;
  };

  explicit JobRunner(Parts parts) : parts_(std::move(parts)) {}

  void start();
  // Waits for the handlers, also the asynchronous ones. The ready queue is closed before.
  void stop() LEAT_EXCLUDES(mutex_);
  void request_stop() { threads_.request_stop(); }

  // Instead of start(): runs on the calling thread what waits on a desk. Asynchronous handlers are begun.
  void run_waiting(Desk& desk);
  // False when an asynchronous handler was still at it after so long, by the machine's clock.
  bool wait_for_asynchronous(Duration patience) LEAT_EXCLUDES(mutex_);

 private:
  class RunningJob;
  class AsyncJob;

  void run(std::size_t number, const std::stop_token& stop);
  bool refill(std::size_t number, std::vector<HeldJob*>& taken, const std::stop_token& stop);
  void run_job(Desk& desk, HeldJob& job, SteadyTime now, const std::stop_token& stop);
  std::optional<FinishedJob> refuse(HeldJob& job, const HandlerEntry* handler, SteadyTime now) const;
  std::optional<FinishedJob> take_place_and_mark(Desk& desk, HeldJob& job, const HandlerEntry& handler,
                                                 const std::stop_token& stop);
  std::optional<FinishedJob> mark_started(Desk& desk, HeldJob& job);
  void begin(HeldJob& job, const HandlerEntry& handler);
  void tell_start(const HeldJob& job);
  void call(HeldJob& job, const HandlerEntry& handler);
  void begin_async(HeldJob& job, const HandlerEntry& handler);
  void end(const HeldJob& job, Outcome outcome, const std::optional<TimeLimits::Watch>& limit);
  bool take_async_place(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  void leave_async_place() LEAT_EXCLUDES(mutex_);

  Parts parts_;
  Mutex mutex_;
  CondVar place_free_;
  std::size_t async_running_ LEAT_GUARDED_BY(mutex_) = 0;
  ThreadPool threads_;
};

}  // namespace leat
