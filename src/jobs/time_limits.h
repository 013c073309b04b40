// Stops handlers whose time is over, and reports those that go on all the same. Jobs without a limit cost nothing here.
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
  // One run under a limit.
  struct Watch {
    SteadyTime due;
    Desk* desk = nullptr;
    Desk::RunId run{};
    StopReason reason = StopReason::kNone;
    bool fired = false;  // its stop token has fired: due is when it counts as stuck
    SteadyTime began{};

    friend bool operator<(const Watch& a, const Watch& b) {
      return std::tie(a.due, a.desk, a.run) < std::tie(b.due, b.desk, b.run);
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

  // How often a handler was reported as stuck.
  std::uint64_t stuck() const { return stuck_; }

 private:
  void run(const std::stop_token& stop);
  void wait_for_due(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  std::optional<Watch> take_due() LEAT_EXCLUDES(mutex_);
  void act(Watch watch) LEAT_EXCLUDES(mutex_);
  void report(const Watch& watch);

  Parts parts_;
  Mutex mutex_;
  CondVar changed_;
  std::set<Watch> watches_ LEAT_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> stuck_{0};
  Thread thread_;
};

}  // namespace leat
