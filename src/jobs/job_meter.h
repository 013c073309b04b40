// Counts and times jobs by queue and kind: the only place where job metrics are added.
//
//   leat_jobs_enqueued_total{queue,kind}            stored by this program
//   leat_jobs_started_total{queue,kind}             handler calls
//   leat_jobs_ended_total{queue,kind,how}           done, retried, dead, cancelled, snoozed, interrupted
//   leat_jobs_stuck_total{queue,kind}               reports of handlers that go on after their stop token fired
//   leat_job_seconds{queue,kind}                    from a handler's call to its end
//   leat_job_wait_seconds{queue,kind}               from enqueueing to the first handler call
//
// Kinds without a handler are counted together as "(unknown)", so that nobody makes rows without end.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/mutex.h"
#include "jobs/held_job.h"
#include "leat/metrics.h"

namespace leat {

// How a job left a worker.
enum class Fate { kDone, kRetried, kDead, kCancelled, kSnoozed, kInterrupted, kUnstarted };
inline constexpr std::size_t kFates = 7;
std::string_view to_string(Fate fate);

// Thread-safe. Does nothing without metrics.
class JobMeter {
 public:
  explicit JobMeter(Metrics* metrics) : metrics_(metrics) {}

  void enqueued(std::string_view queue, std::string_view kind) const;
  // A first attempt says how long its job waited.
  void started(const HeldJob& job, std::optional<Duration> waited) LEAT_EXCLUDES(mutex_);
  void ran(const HeldJob& job, Duration took) LEAT_EXCLUDES(mutex_);
  void ended(const HeldJob& job, bool is_known, Fate fate) LEAT_EXCLUDES(mutex_);
  void stuck(const HeldJob& job) LEAT_EXCLUDES(mutex_);
  bool counts() const { return metrics_ != nullptr; }

 private:
  // The metrics of one queue and kind, found once.
  struct Row {
    Counter* started = nullptr;
    Counter* stuck = nullptr;
    Histogram* seconds = nullptr;
    Histogram* wait = nullptr;
    std::array<Counter*, kFates> ended{};
  };
  Row& row(const HeldJob& job, std::string_view kind) LEAT_REQUIRES(mutex_);
  Row make_row(const std::string& queue, std::string_view kind) const;

  Metrics* metrics_;
  Mutex mutex_;
  using RowsByKind = std::map<std::string, Row, std::less<>>;
  std::map<std::string, RowsByKind, std::less<>> rows_ LEAT_GUARDED_BY(mutex_);  // by queue
};

}  // namespace leat
