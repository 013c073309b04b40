// Renews the leases of all messages that the consumer holds, from a thread of its own: neither a batch that waits nor a
// processor that takes long can keep it from doing so.
//
// A lease that could not be renewed in time is lost: another consumer may have the message.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/consumer.h"
#include "leat/log.h"

namespace leat {

// Thread-safe.
class BatchLeaseKeeper {
 public:
  BatchLeaseKeeper(Clock& clock, Log& log, Consumer& consumer) : clock_(clock), log_(log), consumer_(consumer) {}

  void start();
  void stop();

  // What a fetch has just returned. A third of the lease may have gone by while it was held ahead.
  void add(std::span<const Delivery> deliveries) LEAT_EXCLUDES(mutex_);
  // Marks those whose leases are lost.
  std::vector<bool> lost(std::span<const Lease> leases) const LEAT_EXCLUDES(mutex_);
  // These are not renewed any more. Returns until when the first of them surely holds.
  SteadyTime let_go(std::span<const Lease> leases) LEAT_EXCLUDES(mutex_);

 private:
  struct State {
    std::string token;
    SteadyTime leased_until{};
    bool lost = false;
  };
  using Key = std::pair<std::uint64_t, std::uint32_t>;  // a message may be here twice, one of its leases lost
  static Key key_of(const Lease& lease) { return {lease.sequence, lease.delivery_count}; }

  void run(const std::stop_token& stop);
  void renew() LEAT_EXCLUDES(mutex_);
  void learn(const Lease& lease, const Result<void>& extended, SteadyTime renewed_until) LEAT_REQUIRES(mutex_);
  SteadyTime surely_until(SteadyTime asked) const { return asked + consumer_.ack_wait() * 2 / 3; }

  Clock& clock_;
  Log& log_;
  Consumer& consumer_;
  mutable Mutex mutex_;
  std::map<Key, State> held_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace leat
