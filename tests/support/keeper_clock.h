// A manual clock that knows when the lease keepers of workers will look next: moved by steps that miss none of their
// looks, it lets leases live as they do in real time, however slow the machine is.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>

#include "core/mutex.h"
#include "leat/testing.h"

namespace leat::test {

// Thread-safe.
class KeeperClock : public ManualClock {
 public:
  // When the first of so many lease keepers looks next; empty while one of them is at work.
  std::optional<SteadyTime> next_look(std::size_t keepers) const LEAT_EXCLUDES(sleepers_mutex_);

  void wait_until(CondVar& changed, Mutex& mutex, SteadyTime deadline, std::stop_token stop) override;

 private:
  struct Sleeper {
    SteadyTime until{};
    std::stop_token stop{};
  };

  mutable Mutex sleepers_mutex_;
  std::map<unsigned long, Sleeper> sleepers_ LEAT_GUARDED_BY(sleepers_mutex_);  // by thread
};

}  // namespace leat::test
