// Messages on their way through the consumer. A batch has one owner at a time: who collects it, who processes it, who
// settles it.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/batch_consumer.h"

namespace leat {

// What is to become of a message, and how the broker knows it.
struct Ruling {
  Lease lease;
  Verdict verdict = Verdict::kDone;
  std::optional<Duration> delay{};  // kRetry; the policy's unless given
  std::string reason{};             // kDead
};

// Not thread-safe.
class CollectedBatch {
 public:
  void add(Delivery delivery);
  bool empty() const { return messages.empty(); }
  // All to their beginnings: done, unless the processor says otherwise.
  void clear_rulings();
  // Everything goes back to the broker at once.
  void give_back();
  // Drops the messages that are marked.
  void drop(const std::vector<bool>& marked);
  std::vector<Lease> leases() const;

  std::vector<StoredMessage> messages;
  std::vector<Ruling> rulings;  // one for each message
  std::size_t bytes = 0;
  unsigned attempt = 0;
  std::stop_token stop{};
};

}  // namespace leat
