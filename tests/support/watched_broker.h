// A broker whose deliveries and settlements are written down as they happen, so that a test can wait for an effect
// instead of for a time; and whose user can be cut off from it, as one that dies.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "leat/broker.h"

namespace leat::test {

// What has become of messages, each named by its payload. Thread-safe.
class DeliveryLog {
 public:
  struct Entry {
    std::uint32_t times = 0;       // so often delivered, whatever the broker counts
    std::uint32_t delivered = 0;   // the count of its newest delivery
    std::uint32_t settled = 0;     // the newest delivery that was settled
    bool over = false;             // settled for good
    const void* holder = nullptr;  // the view through which it was delivered; null: nobody has it in hand
    SteadyTime available_at{};     // while nobody has it: not delivered before
  };

  Entry of(const std::string& payload) const LEAT_EXCLUDES(mutex_);
  // Whoever holds leases does not renew them any more: they run out by then.
  void let_go(const void* holder, SteadyTime by) LEAT_EXCLUDES(mutex_);

  void delivered(const Delivery& delivery, const void* holder) LEAT_EXCLUDES(mutex_);
  void settled(const std::string& payload, const Settlement& settlement, SteadyTime now) LEAT_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<std::string, Entry> entries_ LEAT_GUARDED_BY(mutex_);
};

// One user's view of a broker. Thread-safe. Must outlive the broker that was made with it.
class BrokerView {
 public:
  explicit BrokerView(DeliveryLog& log) : log_(log) {}

  // All that waits for deliveries ends, nothing more is leased, and what is leased is not renewed here.
  void cut_off() LEAT_EXCLUDES(mutex_);
  // Renews what its user has in hand, behind its back: so that it does not matter how slow the machine is.
  void renew_leases() LEAT_EXCLUDES(mutex_);
  void forget_leases() LEAT_EXCLUDES(mutex_);

 private:
  friend class WatchedConsumer;
  struct Held {
    std::string payload;
    Lease lease;
  };
  using LeasesBySequence = std::map<std::uint64_t, Held>;

  DeliveryLog& log_;
  std::stop_source cut_;
  Mutex mutex_;
  std::map<Consumer*, LeasesBySequence> held_ LEAT_GUARDED_BY(mutex_);
};

std::unique_ptr<Broker> make_watched_broker(std::shared_ptr<Broker> inner, BrokerView& view);

}  // namespace leat::test
