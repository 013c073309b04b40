#include "pubsub/held_message.h"

#include "pubsub/subscription.h"

namespace leat {

MessageBatch::MessageBatch(std::shared_ptr<Subscription> owner, MessageSource& from, std::vector<Delivery> deliveries,
                           SystemTime now, SteadyTime leased_until)
    : subscription(std::move(owner)),
      source(from),
      received_at(now),
      messages(deliveries.size()),
      references(deliveries.size()) {
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    messages[i].delivery = std::move(deliveries[i]);
    messages[i].batch = this;
    messages[i].leased_until = leased_until.time_since_epoch().count();
  }
}

void refer_to(HeldMessage& message) {
  message.batch->references.fetch_add(1, std::memory_order_relaxed);
}

void release(HeldMessage& message) {
  if (message.batch->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::unique_ptr<MessageBatch> batch(message.batch);
  // Goes last: a message may outlive its subscriber, and then this is the end of the subscription.
  const std::shared_ptr<Subscription> subscription = batch->subscription;
  subscription->forget(*batch);
}

}  // namespace leat
