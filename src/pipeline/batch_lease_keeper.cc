#include "pipeline/batch_lease_keeper.h"

#include <algorithm>

namespace leat {

void BatchLeaseKeeper::start() {
  thread_ = start_thread("lease-keeper", [this](const std::stop_token& stop) { run(stop); });
}

void BatchLeaseKeeper::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void BatchLeaseKeeper::add(std::span<const Delivery> deliveries) {
  const SteadyTime until = surely_until(clock_.steady());
  MutexLock lock(mutex_);
  for (const Delivery& delivery : deliveries) {
    held_.insert_or_assign(held_.end(), key_of(delivery.lease),
                           State{.token = delivery.lease.token, .leased_until = until});
  }
}

std::vector<bool> BatchLeaseKeeper::lost(std::span<const Lease> leases) const {
  std::vector<bool> marked(leases.size());
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const auto found = held_.find(key_of(leases[i]));
    marked[i] = found == held_.end() || found->second.lost;
  }
  return marked;
}

SteadyTime BatchLeaseKeeper::let_go(std::span<const Lease> leases) {
  SteadyTime first = SteadyTime::max();
  MutexLock lock(mutex_);
  for (const Lease& lease : leases) {
    const auto found = held_.find(key_of(lease));
    if (found == held_.end()) continue;
    if (!found->second.lost) first = std::min(first, found->second.leased_until);
    held_.erase(found);
  }
  return first;
}

// One renewal may fail; with the second a lease is given up, a third of it before the broker gives the message away.
void BatchLeaseKeeper::run(const std::stop_token& stop) {
  const Duration interval = std::max<Duration>(consumer_.ack_wait() / 3, std::chrono::milliseconds(1));
  SteadyTime last = clock_.steady();
  // A renewal that waited for its answer in vain does not put off the next one.
  while (sleep_for(clock_, std::max(Duration{0}, last + interval - clock_.steady()), stop)) {
    last = clock_.steady();
    renew();
  }
}

// The broker is asked without the lock, so that messages can come and go meanwhile; without any here it is asked too,
// because it may hold some ahead.
void BatchLeaseKeeper::renew() {
  std::vector<Lease> leases;
  {
    MutexLock lock(mutex_);
    leases.reserve(held_.size());
    for (const auto& [key, state] : held_) {
      if (!state.lost) leases.push_back({.sequence = key.first, .delivery_count = key.second, .token = state.token});
    }
  }
  const SteadyTime renewed_until = surely_until(clock_.steady());
  const auto extended = consumer_.extend(leases);
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < leases.size(); ++i) learn(leases[i], extended[i], renewed_until);
}

void BatchLeaseKeeper::learn(const Lease& lease, const Result<void>& extended, SteadyTime renewed_until) {
  const auto found = held_.find(key_of(lease));
  if (found == held_.end()) return;  // settled meanwhile: that the broker does not know the lease any more is no loss
  if (extended) {
    found->second.leased_until = renewed_until;
    return;
  }
  if (extended.error().code() != ErrorCode::kLeaseLost && clock_.steady() < found->second.leased_until) return;
  found->second.lost = true;
  log_.warn("lease lost: another consumer may get the message",
            {{"sequence", lease.sequence}, {"error", extended.error().message()}});
}

}  // namespace leat
