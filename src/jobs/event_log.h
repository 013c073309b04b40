// Tells what happens to jobs, if anybody wants to know: if the namespace has a stream of events.
//
// Those who tell do not wait: a thread appends in batches what has gathered. It looks now and then whether the stream
// is there.
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/events.h"
#include "leat/log.h"

namespace leat {

// Thread-safe.
class EventLog {
 public:
  EventLog(Broker& broker, Names names, Log& log) : broker_(broker), names_(std::move(names)), log_(log) {}
  ~EventLog();

  // Looks for the stream, so that the first events are told too.
  void start();
  // Tells what is left.
  void stop();

  // Whether to make events at all. Costs next to nothing while nobody wants them.
  bool wanted() LEAT_EXCLUDES(mutex_);
  // Returns at once. Events beyond kMostWaiting are dropped, and counted in the log. `at` is now unless it
  // is set.
  void tell(JobEvent event) LEAT_EXCLUDES(mutex_);

  // For who tells once in a while: looks for the stream, and appends. Failures are nobody's business.
  static void tell_now(Broker& broker, const Names& names, std::vector<JobEvent> events);

  static constexpr std::size_t kMostWaiting = 20'000;

 private:
  bool look() LEAT_EXCLUDES(mutex_);
  void run(const std::stop_token& stop);
  void append(std::vector<JobEvent> events) LEAT_EXCLUDES(mutex_);

  Broker& broker_;
  Names names_;
  Log& log_;
  std::atomic<bool> on_{false};
  std::atomic<SteadyTime::rep> look_again_{0};

  Mutex mutex_;
  CondVar changed_;
  std::vector<JobEvent> waiting_ LEAT_GUARDED_BY(mutex_);
  std::uint64_t dropped_ LEAT_GUARDED_BY(mutex_) = 0;
  bool look_ LEAT_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace leat
