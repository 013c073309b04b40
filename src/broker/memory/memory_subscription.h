// What one durable subscription has delivered, and what it delivers next.
//
// Not thread-safe: the stream's mutex guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/memory/message_log.h"
#include "leat/broker_admin.h"
#include "leat/consumer.h"

namespace leat {

struct ConsumerConfig;

class MemorySubscription {
 public:
  // Begins at the first message at or after `first_sequence`.
  MemorySubscription(const ConsumerConfig& config, std::uint64_t first_sequence);

  const std::string& name() const { return name_; }
  const std::string& filter() const { return filter_; }
  Duration ack_wait() const { return ack_wait_; }
  std::size_t max_unsettled() const { return max_unsettled_; }

  // Leases what is ready: first what is due again, then what is new.
  std::vector<Delivery> take(const MessageLog& log, SteadyTime now, std::size_t max_count);
  // When a lease runs out or a retry is due next; SteadyTime::max() when there is none.
  SteadyTime next_due() const { return due_.empty() ? SteadyTime::max() : due_.begin()->first; }

  // Errors: kLeaseLost.
  Result<void> settle(const Settlement& settlement, SteadyTime now);
  Result<void> extend(const Lease& lease, SteadyTime now);

  // The message is gone from the stream.
  void forget(std::uint64_t sequence);

  ConsumerFacts facts(const MessageLog& log) const;

  // A deleted subscription; those who still hold it are told.
  bool deleted() const { return deleted_; }
  void mark_deleted() { deleted_ = true; }

 private:
  struct Unsettled {
    std::uint32_t delivery_count = 0;
    bool leased = false;  // otherwise it waits for a retry
    SteadyTime due;       // the end of the lease or of the wait
  };
  using UnsettledBySequence = std::unordered_map<std::uint64_t, Unsettled>;

  void take_due(const MessageLog& log, SteadyTime now, std::size_t max_count, std::vector<Delivery>& out);
  void take_new(const MessageLog& log, SteadyTime now, std::size_t max_count, std::vector<Delivery>& out);
  Delivery lease(const StoredMessage& message, SteadyTime now);
  void set_due(std::uint64_t sequence, Unsettled& entry, SteadyTime due);
  // The entry that this lease holds; end() when it is lost.
  UnsettledBySequence::iterator find_held(const Lease& lease);

  std::string name_;
  std::string filter_;
  Duration ack_wait_;
  std::size_t max_unsettled_;
  std::uint64_t next_new_;
  std::uint64_t deliveries_ = 0;
  UnsettledBySequence unsettled_;
  std::set<std::pair<SteadyTime, std::uint64_t>> due_;  // one for each of unsettled_
  bool deleted_ = false;
};

}  // namespace leat
