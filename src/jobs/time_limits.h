// Stops handlers whose time is over, and reports those that go on although they were asked to stop, for whatever
// reason. Jobs without a limit cost nothing here while nobody stops them.
#pragma once

#include <atomic>
#include <optional>
#include <set>

#include "core/mutex.h"
#include "core/thread.h"
#include "jobs/desk.h"
#include "jobs/job_meter.h"
#include "jobs/names.h"
#include "leat/log.h"

namespace leat {

// Thread-safe.
class TimeLimits {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    Names names;
    std::string worker;
    Duration stuck_after;
    JobMeter& meter;
  };
  // One run, and when to look at it.
  struct Watch {
    SteadyTime due;
    Desk* desk = nullptr;
    Desk::RunId run{};
    StopReason reason = StopReason::kNone;  // to stop it for; kNone: it was asked to stop, and is stuck by then
    Duration patience{};                    // between the last report and the next

    friend bool operator<(const Watch& a, const Watch& b) {
      return std::tie(a.due, a.desk, a.run, a.reason) < std::tie(b.due, b.desk, b.run, b.reason);
    }
  };

  explicit TimeLimits(Parts parts) : parts_(std::move(parts)) {}

  void start();
  void stop();
  // Instead of start(): fires on the calling thread what is due.
  void fire_due();

  // The limit that comes first, from now; empty when there is none. What is returned goes to forget() when the job has
  // ended.
  std::optional<Watch> watch(const HeldJob& job, std::optional<Duration> timeout, std::optional<SystemTime> deadline);
  void forget(const Watch& watch);
  // A run was asked to stop: it is stuck when it goes on for too long.
  void stopped(Desk& desk, Desk::RunId run) LEAT_EXCLUDES(mutex_);

  // How often a handler was reported as stuck.
  std::uint64_t stuck() const { return stuck_; }

 private:
  void run(const std::stop_token& stop);
  void wait_for_due(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  std::optional<Watch> take_due() LEAT_EXCLUDES(mutex_);
  void add(const Watch& watch) LEAT_EXCLUDES(mutex_);
  void act(const Watch& watch) LEAT_EXCLUDES(mutex_);
  bool report(const Watch& watch);

  Parts parts_;
  Mutex mutex_;
  CondVar changed_;
  std::set<Watch> watches_ LEAT_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> stuck_{0};
  Thread thread_;
};

}  // namespace leat
