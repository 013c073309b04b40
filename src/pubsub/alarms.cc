#include "pubsub/alarms.h"

namespace leat {

Alarms::~Alarms() {
  Thread thread;
  {
    MutexLock lock(mutex_);
    thread = std::move(thread_);
  }
  thread.request_stop();
}

Alarms::Id Alarms::set(Duration after, std::stop_source fires) {
  MutexLock lock(mutex_);
  if (!thread_.joinable()) {
    thread_ = start_thread("alarms", [this](const std::stop_token& stop) { run(stop); });
  }
  const Id id{deadline_after(clock_, after), ++last_};
  if (pending_.emplace(id, std::move(fires)).first == pending_.begin()) changed_.notify_all();
  return id;
}

void Alarms::cancel(const Id& id) {
  MutexLock lock(mutex_);
  pending_.erase(id);
}

// Fires without the lock: what is registered with the token runs on this thread.
void Alarms::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::stop_source due{std::nostopstate};
    {
      MutexLock lock(mutex_);
      const SteadyTime next = pending_.empty() ? SteadyTime::max() : pending_.begin()->first.first;
      if (next <= clock_.steady()) {
        due = std::move(pending_.begin()->second);
        pending_.erase(pending_.begin());
      } else {
        clock_.wait_until(changed_, mutex_, next, stop);
      }
    }
    due.request_stop();
  }
}

}  // namespace leat
