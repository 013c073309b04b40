// A message in a subscriber's hands, from its delivery to its settlement.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "leat/consumer.h"

namespace leat {

class Subscription;
struct MessageBatch;
struct HeldMessage;

// The messages of one key that wait for the one before them; by sequence.
struct KeyLane {
  std::string key;
  std::deque<HeldMessage*> behind;
};

// One of the broker's durable subscriptions that a subscriber reads from: there is one for each filter.
struct MessageSource {
  std::size_t number = 0;
  std::string name;
  std::unique_ptr<Consumer> consumer;
};

struct HeldMessage {
  Delivery delivery;
  MessageBatch* batch = nullptr;
  std::uint32_t again = 0;  // how often it came again without going back to the broker
  KeyLane* lane = nullptr;  // guarded by the buffer's lock

  // The verdict; written by whoever has the message in hand, then read by the settler.
  Verdict verdict = Verdict::kDone;
  Duration delay{0};
  std::string reason;              // kDead
  bool given_up = false;           // its dead letter is stored, and whoever wants to know was told
  HeldMessage* next_in = nullptr;  // the pile that it lies on

  // The turn (1 and more) for which its lease is renewed; 0: it is not.
  std::atomic<std::uint32_t> kept{1};
  std::atomic<bool> settling{false};  // has its verdict: that the broker does not know the lease any more is no loss
  std::atomic<bool> lost{false};      // the lease is gone: another subscriber may have the message
  std::atomic<SteadyTime::rep> leased_until{0};

  std::uint32_t deliveries() const { return delivery.lease.delivery_count + again; }
  std::uint32_t turn() const { return again + 1; }
};

// What one fetch returned. Lives while anybody refers to one of its messages: the buffer or whoever has it in hand, and
// the settler.
struct MessageBatch {
  MessageBatch(std::shared_ptr<Subscription> owner, MessageSource& from, std::vector<Delivery> deliveries,
               SystemTime now, SteadyTime leased_until);

  std::shared_ptr<Subscription> subscription;
  MessageSource& source;
  SystemTime received_at;
  std::vector<HeldMessage> messages;
  std::atomic<std::size_t> references;
};

void refer_to(HeldMessage& message);
// The message may be gone when this returns.
void release(HeldMessage& message);

}  // namespace leat
