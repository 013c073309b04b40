#include "tests/support/keeper_clock.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace leat::test {
namespace {

bool is_lease_keeper() {
  std::array<char, 16> name{};
  return pthread_getname_np(pthread_self(), name.data(), name.size()) == 0 &&
         std::string_view(name.data()) == "lease-keeper";
}

}  // namespace

std::optional<SteadyTime> KeeperClock::next_look(std::size_t keepers) const {
  const SteadyTime now = steady();
  SteadyTime next = SteadyTime::max();
  std::size_t asleep = 0;
  MutexLock lock(sleepers_mutex_);
  for (const auto& [thread, sleeper] : sleepers_) {
    if (sleeper.stop.stop_requested()) continue;  // it has ended
    ++asleep;
    next = std::min(next, sleeper.until);
  }
  return asleep == keepers && next > now ? std::optional(next) : std::nullopt;
}

void KeeperClock::wait_until(CondVar& changed, Mutex& mutex, SteadyTime deadline, std::stop_token stop) {
  if (!is_lease_keeper()) return ManualClock::wait_until(changed, mutex, deadline, std::move(stop));
  const auto thread = static_cast<unsigned long>(pthread_self());
  {
    MutexLock lock(sleepers_mutex_);
    sleepers_[thread] = {deadline, stop};
  }
  ManualClock::wait_until(changed, mutex, deadline, std::move(stop));
  if (steady() < deadline) return;  // it looks at the clock, and waits again
  MutexLock lock(sleepers_mutex_);
  sleepers_.erase(thread);
}

}  // namespace leat::test
