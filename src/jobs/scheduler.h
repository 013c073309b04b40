// Moves jobs that waited elsewhere to their queues. Every worker has one, and one of them all leads.
#pragma once

#include <memory>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "jobs/dependents.h"
#include "jobs/leader_lock.h"

namespace leat {

// Thread-safe.
class Scheduler {
 public:
  struct Parts {
    Broker& broker;
    Names names;
    Endings& endings;
    std::string holder;  // for people: who leads
    Duration leader_ttl;
    Log& log;
  };

  Scheduler(Parts parts, std::unique_ptr<KeyValue> leader_records);

  void start();
  void stop();
  // Instead of start(), where no other scheduler works: moves on the calling thread what is ready now, and cancels what
  // can never be.
  Result<void> move_ready();

 private:
  // What the readers have brought and the scheduler has not seen yet.
  struct Inbox {
    std::vector<StoredMessage> scheduled;
    std::vector<StoredMessage> done;
    std::optional<Error> failure;

    bool empty() const { return scheduled.empty() && done.empty() && !failure; }
  };

  void run(const std::stop_token& stop);
  Result<void> lead(const std::stop_token& stop);
  Result<void> work(Dependents& dependents, const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  Result<void> clear_old_calls();
  Thread start_reader(const char* name, std::unique_ptr<Reader> reader, std::vector<StoredMessage> Inbox::*into,
                      const std::stop_token& stop);
  Inbox take(SteadyTime until, const std::stop_token& stop) LEAT_EXCLUDES(mutex_);

  Parts parts_;
  std::unique_ptr<KeyValue> leader_records_;
  LeaderLock lock_;
  JobPlaces places_;
  Mutex mutex_;
  CondVar changed_;
  Inbox inbox_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

// How long a leader that is gone is waited for.
inline constexpr Duration kLeaderTtl = std::chrono::seconds(6);

}  // namespace leat
