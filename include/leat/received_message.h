// A message in a subscriber's hands, and the duty to say what becomes of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "leat/message.h"
#include "leat/result.h"

namespace leat {

struct HeldMessage;

// Move-only. The first verdict counts, later ones do nothing; dropped without one, it is given back as by nak(). What
// can be read stays readable until the object dies, also after the verdict. One thread at a time; the verdict may be
// said on another thread than the one that received it.
// Lifetime: the broker must outlive it. It may outlive its Subscriber: the verdict counts if its lease still holds.
class ReceivedMessage {
 public:
  ReceivedMessage(ReceivedMessage&& other) noexcept;
  ReceivedMessage& operator=(ReceivedMessage&& other) noexcept;
  ~ReceivedMessage();

  const std::string& subject() const;
  const std::string& payload() const;
  const Headers& headers() const;

  // 1 for the first delivery. Counts what was given back, and what was lost with a subscriber that died, too.
  std::uint32_t deliveries() const { return deliveries_; }
  std::uint64_t sequence() const;  // in its stream
  // Which of all deliveries of subscription() this is: from 1, and larger each time, perhaps with gaps
  // (Delivery::number). What comes again without having gone back to the broker keeps its number.
  std::uint64_t delivery_number() const;
  SystemTime stored_at() const;
  SystemTime received_at() const;  // when the subscriber got it
  const std::string& stream() const;
  const std::string& subscription() const;  // the durable subscription that delivered it

  // Processed: does not come again to this subscription. Returns at once; acks are sent in batches.
  void ack();
  // The same, and waits until the broker has processed it. Errors: kLeaseLost (it may have been delivered again),
  // kUnavailable, kUnknown; then there is no verdict yet, and it may be called again.
  Result<void> ack_confirmed();

  // Not processed: comes again after SubscriberOptions::backoff; or after this delay, 0 or more. What has been
  // delivered SubscriberOptions::max_deliver times is given up instead.
  void nak();
  void nak(Duration delay);

  // Can never be processed: does not come again, and goes to the dead letters if there are any.
  void term(std::string reason);

  // Still at it: the lease begins anew. Needed only where nobody renews it: for messages from next() or messages(),
  // and those that a callback has moved away. Errors: kLeaseLost, kUnavailable.
  Result<void> in_progress();

  bool has_verdict() const { return decided_; }

 private:
  friend class Subscription;
  // Takes over a reference to `held`.
  explicit ReceivedMessage(HeldMessage& held);

  void let_go();

  HeldMessage* held_;
  std::uint32_t deliveries_;
  bool decided_ = false;
};

}  // namespace leat
