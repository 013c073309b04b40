// Ends jobs: writes what is to be remembered of them, then settles their leases; a thread of its own, in batches.
//
// Order for each job, so that a crash between any two steps loses nothing: attempt record, result and done record, dead
// letter; then the settlement; then the attempt record goes. What a job died of is in its record: whoever gets the job
// after a crash goes on from there, and calls no handler. A step that fails is tried again for as long as the lease
// holds; after that the broker gives the job to another worker, which finds what was written.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "jobs/attempt_book.h"
#include "jobs/desk.h"
#include "jobs/endings.h"
#include "jobs/event_log.h"
#include "jobs/job_calls.h"
#include "jobs/job_ledger.h"
#include "jobs/job_meter.h"
#include "jobs/job_rules.h"
#include "jobs/undertaker.h"
#include "leat/log.h"
#include "leat/worker.h"

namespace leat {

// What a worker has done; written by its threads as they go.
struct WorkerTally {
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> retried{0};
  std::atomic<std::uint64_t> dead{0};
  std::atomic<std::uint64_t> interrupted{0};
};

// One job that the worker is through with, until it comes again if it does.
struct SettledJob {
  const HeldJob& job;
  FinishedJob::Ending ending;
  const Outcome& outcome;  // of Ending::kOutcome, kCancelled and kExpired
  Verdict verdict;         // kDead: the job's record says of what
  Duration delay;          // kRetry
};

class Settler {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    const WorkerOptions& options;
    const JobRules& rules;
    Names names;
    std::vector<std::unique_ptr<Desk>>& desks;
    JobLedger& ledger;
    AttemptBook& attempts;
    JobCalls& calls;
    Undertaker& undertaker;
    Endings& endings;
    JobMeter& meter;
    EventLog& events;
    WorkerTally& tally;
    std::function<void(const SettledJob&)> on_settled{};  // told of each, on the thread that settles
    std::function<double()> random{};                     // for jitter, in [0, 1); its own unless given
  };

  explicit Settler(Parts parts);

  void start();
  // Settles everything that has been handed in, then ends. Any number of times.
  void stop();

  // Instead of start(): settles on the calling thread what has been handed in, and says how many jobs that were. What
  // cannot be settled stays for the next call.
  std::size_t settle_now();

  // Waits until nothing is left to settle, but not longer than `patience`.
  void drain(Duration patience);

  // Something was put on a desk's pile of finished jobs. Costs next to nothing while the settler is awake.
  void wake();
  // For jobs that were not begun: other workers may have them at once, or when they are due.
  void give_back(std::vector<HeldJob*> jobs);
  void give_back_until_due(const std::vector<HeldJob*>& jobs);
  // For jobs whose handlers are still at it: gives their leases back without waiting for them.
  void abandon(const std::vector<HeldJob*>& jobs);
  // For a job that was lost under its handler: it costs no attempt.
  void forgo(const HeldJob& job);

 private:
  // One job on its way out, and how far it has come.
  struct Closing {
    FinishedJob finished;
    Verdict verdict = Verdict::kDone;
    Duration delay{0};
    bool judged = false;
    bool failed = false;        // a step did not work this time
    bool store_ending = false;  // still to do
    bool store_record = false;  // still to do
    bool recorded = false;      // the record counts this attempt: a lease that is lost afterwards changes nothing
    bool drop_mark = false;     // still to do: the record is a start mark alone
    bool bury = false;          // still to do
    bool confirm = false;
  };

  void run();
  void collect(std::vector<Closing>& batch);
  void process(std::vector<Closing>& batch);
  void judge(Closing& closing);
  void judge_outcome(Closing& closing);
  void record_ending(Closing& closing);
  void add_failure(Closing& closing, std::string_view error);
  void judge_failure(Closing& closing);
  void judge_snooze(Closing& closing);
  void judge_expiry(Closing& closing);
  void judge_undecodable(Closing& closing);
  void judge_unknown_kind(Closing& closing);
  void judge_interruption(Closing& closing);
  void condemn(Closing& closing, std::string_view reason, std::string_view error);
  void end_condemned(Closing& closing);
  void hold_unburied(Closing& closing, const Error& error);
  // An error as it is kept: at most so many bytes, and never half a character.
  static std::string shortened(std::string_view error);
  void store_endings(std::vector<Closing>& batch);
  JobResult result_of(const Closing& closing) const;
  void store_records(std::vector<Closing>& batch);
  void drop_marks(std::vector<Closing>& batch);
  void bury(std::vector<Closing>& batch);
  void settle(std::vector<Closing>& batch);
  void settle_with(Consumer& consumer, std::vector<Closing*>& closings);
  void conclude(std::vector<Closing>& batch);
  static Fate fate_of(const Closing& closing);
  void count(const Closing& closing);
  void tell(const Closing& closing, Fate fate);
  void report(const Closing& closing) const;
  void retry_step(Closing& closing, std::string_view step, const Error& error);
  bool wait_for_work() LEAT_EXCLUDES(mutex_);

  Parts parts_;
  std::minstd_rand random_;  // for jitter

  Mutex mutex_;
  CondVar changed_;
  std::vector<FinishedJob> inbox_ LEAT_GUARDED_BY(mutex_);
  bool stopping_ LEAT_GUARDED_BY(mutex_) = false;
  bool idle_ LEAT_GUARDED_BY(mutex_) = true;
  std::atomic<bool> work_{false};
  std::map<std::string, SteadyTime> unknown_said_;  // of the settler's thread: when a kind was last warned of
  std::vector<Closing> later_;                      // of the settler's thread: what to try again
  SteadyTime last_round_{};                         // of the machine's clock
  SteadyTime give_up_at_ = SteadyTime::max();
  Thread thread_;
};

}  // namespace leat
