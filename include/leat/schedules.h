// Recurring jobs: a schedule has a name, says when, and which job; the leading worker enqueues a job for each tick.
//
//   leat::Schedules schedules{*broker};
//   schedules.put({.name = "report", .cron = "0 6 * * mon-fri", .zone = "Europe/Berlin"}, Report{"daily"}).value();
//
// Schedules are records in the broker: any program may put them, any number of times, and a worker
// (WorkerOptions::scheduler) runs them. Each tick is one job, across the death of leaders (docs/guide/schedules.md
// tells the one window in which a tick may come twice).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/namespace_options.h"
#include "leat/queue.h"
#include "leat/recurrence.h"
#include "leat/result.h"

namespace leat {

struct Schedule {
  std::string name;  // 1 to 64 letters, digits, `_`, `-`; unique in its namespace
  // When: one of the two. leat/recurrence.h tells what expressions there are.
  std::string cron{};
  Duration every{0};                      // 1 s or more, counted from `start`, or else from 1970
  std::string zone{};                     // of `cron`: an IANA name; UTC unless given
  std::optional<SystemTime> start{};      // no tick before it
  std::optional<SystemTime> end{};        // no tick after it
  std::optional<std::uint64_t> repeat{};  // so many jobs, then it is finished; 1 or more
  // Each tick's job comes so much later at most, by a part that its name and time decide; less than a day.
  Duration jitter{0};
  // Whether a tick runs while the job of the tick before is not done yet. kSkip leaves such ticks out.
  enum class Overlap { kAllow, kSkip } overlap = Overlap::kAllow;
  // What becomes of ticks that nobody ran at their time, because no worker was up: none of them runs, one does for all,
  // or each whose time is not longer past than `missed_window`. Up to 30 s late, a tick is not missed but late.
  enum class Missed { kSkip, kOnce, kAll } missed = Missed::kOnce;
  Duration missed_window = std::chrono::hours(1);
  std::string queue = "default";
};
std::string_view to_string(Schedule::Overlap overlap);  // "allow", "skip"
std::string_view to_string(Schedule::Missed missed);    // "skip", "once", "all"

struct ScheduleInfo {
  Schedule schedule;
  EncodedJob job{};  // as it is enqueued; its headers include those that the push options made
  Priority priority = Priority::kMedium;
  bool paused = false;
  bool finished = false;             // it will not tick any more
  std::optional<SystemTime> next{};  // empty when paused or finished
  std::optional<SystemTime> last{};  // the newest tick that became a job
  std::uint64_t runs = 0;            // ticks that became jobs
};

enum class ScheduleChange { kCreated, kChanged, kUnchanged };
std::string_view to_string(ScheduleChange change);  // "created", "changed", "unchanged"

// Thread-safe. Borrows the broker, which must outlive it.
class Schedules {
 public:
  explicit Schedules(Broker& broker, NamespaceOptions name_space = {});
  ~Schedules();

  // Creates the schedule, or makes it what is given here; what has ticked stays counted, and a paused one stays paused.
  // When its times change (cron, zone, every, start, end, repeat), those up to now do not count.
  // The same again changes nothing; else an end that has passed is refused, and with other times one that leaves no
  // tick. Of the options those that say when or how (at, delay, after, unique, the bulk lane) are refused. Errors:
  // kInvalidArgument (says what, and where in an expression), kUnavailable.
  template <Job T>
  Result<ScheduleChange> put(const Schedule& schedule, const T& job, const PushOptions& options = {}) {
    Result<EncodedJob> encoded = encode_job(job);
    if (!encoded) return encoded.error();
    return put(schedule, std::move(*encoded), options);
  }
  Result<ScheduleChange> put(const Schedule& schedule, EncodedJob job, const PushOptions& options = {});

  // By name.
  Result<std::vector<ScheduleInfo>> list();
  // Errors of these: kNotFound.
  Result<ScheduleInfo> get(std::string_view name);
  // A paused one does not tick; what it would have ticked meanwhile is not made up for. When pause() returns, no tick
  // of it becomes a job any more. Waits while a scheduler is just making one, up to 12 s. Errors: kUnavailable; if that
  // says so, it is paused, but the scheduler has not let go of it (it was killed, and none runs that takes over): one
  // more job may still come. Start a worker and call this again: it returns when that is over.
  Result<void> pause(std::string_view name);
  Result<void> resume(std::string_view name);
  // When it returns, no tick of it becomes a job any more. Waits, and fails with kUnavailable, as pause() does: it is
  // removed then, and when it is called again, kNotFound says that no job comes any more.
  Result<void> remove(std::string_view name);
  // Enqueues its job now, as an extra one.
  Result<JobId> run(std::string_view name);

 private:
  class Book;
  std::unique_ptr<Book> book_;
};

}  // namespace leat
