// Moves jobs that waited for their time or for other jobs to their queues, and makes the ticks of schedules into jobs.
// Every worker has one, and one of them all leads.
#pragma once

#include <memory>
#include <vector>

#include "broker/leader_lock.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "jobs/dependents.h"
#include "jobs/event_log.h"
#include "jobs/ticker.h"

namespace leat {

// Thread-safe.
class Scheduler {
 public:
  struct Parts {
    Broker& broker;
    Names names;
    Endings& endings;
    EventLog& events;
    std::string holder;  // for people: who leads
    Duration leader_ttl;
    Log& log;
  };

  Scheduler(Parts parts, std::unique_ptr<KeyValue> leader_records, std::unique_ptr<KeyValue> schedules);

  void start();
  void stop();
  // This one leads now, as far as it knows.
  bool leads() const { return lock_.is_held(); }
  // Instead of start(), where no other scheduler works: moves on the calling thread what is ready now, and cancels what
  // can never be.
  Result<void> move_ready();

 private:
  // What the readers have brought and the scheduler has not seen yet.
  struct Inbox {
    std::vector<StoredMessage> scheduled;
    std::vector<StoredMessage> done;
    std::vector<KeyEntry> schedules;
    std::optional<Error> failure;

    bool empty() const { return scheduled.empty() && done.empty() && schedules.empty() && !failure; }
  };

  void run(const std::stop_token& stop);
  Result<void> lead(const std::stop_token& stop);
  // What only a leader has.
  struct Leading;
  Result<void> work(Leading& leading, const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  Result<void> read_what_waits(Leading& leading);
  Result<void> take_in(const Inbox& inbox, Leading& leading);
  SteadyTime wake_for(const Leading& leading) const;
  Result<void> move_due(Leading& leading);
  Result<void> clear_old_calls();
  Result<void> forget_gone(Timetable& timetable, const std::stop_token& stop);
  Thread start_watch(std::unique_ptr<KeyWatch> watch, const std::stop_token& stop);
  Thread start_reader(const char* name, std::unique_ptr<Reader> reader, std::vector<StoredMessage> Inbox::*into,
                      const std::stop_token& stop);
  Inbox take(SteadyTime until, const std::stop_token& stop) LEAT_EXCLUDES(mutex_);

  Parts parts_;
  std::unique_ptr<KeyValue> leader_records_;
  std::unique_ptr<KeyValue> schedules_;
  LeaderLock lock_;
  std::size_t at_once_ = 0;  // jobs of one move: fewer when they are large
  JobPlaces places_;
  Mutex mutex_;
  CondVar changed_;
  Inbox inbox_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

// How long a leader that is gone is waited for.
inline constexpr Duration kLeaderTtl = std::chrono::seconds(6);

}  // namespace leat
