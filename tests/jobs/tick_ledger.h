// Which ticks of schedules have become jobs, and how often.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "core/thread.h"
#include "tests/jobs/jobs_suite.h"

namespace leat::test {

// By schedule and tick: the sequences of the messages. A job that is delivered again is the same message; a tick that
// has become two jobs is two.
using Ticks = std::map<std::pair<std::string, SystemTime>, std::set<std::uint64_t>>;

// The ticks whose jobs lie in a queue.
Ticks ticks_in(Broker& broker, const std::string& queue);

struct TickFaults {
  std::size_t ticks = 0;  // that were there
  std::size_t missing = 0;
  std::size_t doubled = 0;
  std::string examples{};
};
// Of schedules that tick each second from `first` on: what is not there once.
TickFaults check_each_once(const Ticks& ticks, const std::vector<std::string>& schedules, SystemTime first,
                           SystemTime last);

// Takes jobs of a queue as they come, and settles them at once as done: then only the message id tells that a tick has
// been made into a job. start() and stop() from one thread.
class TickTaker {
 public:
  TickTaker(Broker& broker, const std::string& queue);
  ~TickTaker() { stop(); }
  TickTaker(const TickTaker&) = delete;
  TickTaker& operator=(const TickTaker&) = delete;

  void start();
  // When it returns, all that it took is settled.
  void stop();
  Ticks ticks() const LEAT_EXCLUDES(mutex_);
  std::size_t count() const LEAT_EXCLUDES(mutex_);

 private:
  void run(const std::stop_token& stop);
  void take(const std::vector<Delivery>& deliveries);

  std::unique_ptr<Consumer> consumer_;
  mutable Mutex mutex_;
  Ticks ticks_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace leat::test
