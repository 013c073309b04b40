// Fires stop tokens at given times, from a thread of its own that begins with the first of them.
#pragma once

#include <map>
#include <stop_token>
#include <utility>

#include "core/mutex.h"
#include "core/thread.h"

namespace leat {

// Thread-safe.
class Alarms {
 public:
  using Id = std::pair<SteadyTime, std::uint64_t>;

  explicit Alarms(Clock& clock) : clock_(clock) {}
  ~Alarms();
  Alarms(const Alarms&) = delete;
  Alarms& operator=(const Alarms&) = delete;

  // Requests stop of `fires` after so long, unless it is cancelled before.
  Id set(Duration after, std::stop_source fires) LEAT_EXCLUDES(mutex_);
  void cancel(const Id& id) LEAT_EXCLUDES(mutex_);

 private:
  void run(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);

  Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  std::map<Id, std::stop_source> pending_ LEAT_GUARDED_BY(mutex_);
  std::uint64_t last_ LEAT_GUARDED_BY(mutex_) = 0;
  Thread thread_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
