// Where one handler thread works: what it took and has not begun, what it has begun, what it has finished.
//
// Of blocking handlers one runs at a time, of asynchronous ones many. One lock per job, held by nobody else but for a
// moment: the settler collects from it, the lease keeper and the time limits stop what runs.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/mutex.h"
#include "jobs/held_job.h"
#include "leat/handler.h"
#include "leat/outcome.h"

namespace leat {

// How a job left the worker's hands, on its way to the settler.
struct FinishedJob {
  enum class Ending {
    kOutcome,      // the handler said something
    kCancelled,    // before the handler was called
    kUnknownKind,  // there is no handler
    kExhausted,    // its last attempt began and never ended
    kCondemned,    // its record says that it has died
    kExpired,      // its deadline passed
    kInterrupted,  // stopped before it could say done
    kUnstarted,    // given back without having begun
  };
  HeldJob* job = nullptr;
  Ending ending = Ending::kOutcome;
  Outcome outcome{};
};

// Thread-safe.
class Desk {
 public:
  // Names what was begun, also when it is over.
  struct RunId {
    std::size_t slot = 0;
    std::uint64_t number = 0;
    auto operator<=>(const RunId&) const = default;
  };

  // Told of each run that is asked to stop, whoever asks, before its stop token fires. Once for a run.
  using OnStop = std::function<void(Desk& desk, RunId run)>;
  explicit Desk(OnStop on_stop) : on_stop_(std::move(on_stop)) {}

  // Begins the next of the waiting jobs; null when there is none.
  HeldJob* begin_next(SteadyTime now);
  void add_waiting(std::vector<HeldJob*>& jobs);
  // Takes half of the waiting jobs, at least one if there is any.
  void steal(std::vector<HeldJob*>& into);
  // Takes all of the waiting jobs.
  void take_waiting(std::vector<HeldJob*>& into);

  // Puts a running job among the finished ones, unless it was abandoned.
  void finish(const HeldJob& job, FinishedJob::Ending ending, Outcome outcome);
  void take_finished(std::vector<FinishedJob>& into);
  // Makes the caller the one who ends what runs, whatever the handlers will say; nothing more is begun here. Waits
  // until `until` (of the machine's clock) for records that are being written, and leaves their jobs alone if that was
  // not enough.
  void abandon_running(std::vector<HeldJob*>& into, SteadyTime until);
  // While the runner writes the running job's record, between these two, nobody else touches it. False when the job was
  // abandoned before.
  bool begin_record(const HeldJob& job);
  void end_record(const HeldJob& job);

  // Fires stop tokens: of this run, of all. True when there was one to fire.
  bool stop_run(RunId run, StopReason reason);
  void stop_all(StopReason reason);

  // Empty when it does not run here.
  std::optional<RunId> find_run(const HeldJob& job) const;
  std::size_t running() const;
  struct RunFacts {
    SteadyTime began{};
    double progress = 0;  // 0 to 1
    std::string note{};
  };
  // Leaves out a job whose record is being written.
  void visit_running(const std::function<void(const HeldJob&, const RunFacts&)>& visit) const;
  // Calls `visit` if it still runs; true when it did.
  bool visit_run(RunId run, const std::function<void(const HeldJob&, const RunFacts&)>& visit) const;

  // For a running job, asked by its own handler.
  RunId run_of(const HeldJob& job) const;
  std::stop_token stop_token(const HeldJob& job) const;
  StopReason stop_reason(const HeldJob& job) const;
  // The fraction is held to 0 and 1, the note to kLongestNote bytes.
  void set_progress(const HeldJob& job, double fraction, std::string_view note);
  static constexpr std::size_t kLongestNote = 200;

 private:
  struct Run {
    HeldJob* job = nullptr;  // null: the slot is free
    std::uint64_t number = 0;
    std::stop_source stop{};
    StopReason reason = StopReason::kNone;
    RunFacts facts{};
    bool abandoned = false;
    bool writing_record = false;
  };

  const Run& run(const HeldJob& job) const LEAT_REQUIRES(mutex_);
  Run& run(const HeldJob& job) LEAT_REQUIRES(mutex_);

  const OnStop on_stop_;
  mutable Mutex mutex_;
  CondVar record_written_;
  bool closed_ LEAT_GUARDED_BY(mutex_) = false;  // nothing more is begun
  std::deque<HeldJob*> waiting_ LEAT_GUARDED_BY(mutex_);
  std::vector<FinishedJob> finished_ LEAT_GUARDED_BY(mutex_);
  std::vector<Run> runs_ LEAT_GUARDED_BY(mutex_);
  std::vector<std::size_t> free_slots_ LEAT_GUARDED_BY(mutex_);
  std::uint64_t begun_ LEAT_GUARDED_BY(mutex_) = 0;
};

}  // namespace leat
