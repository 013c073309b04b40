// All messages in a subscriber's hands, for the keeper of their leases.
#pragma once

#include <functional>
#include <unordered_set>

#include "core/mutex.h"
#include "pubsub/held_message.h"

namespace leat {

// Thread-safe. One lock per batch, none per message.
class MessageLedger {
 public:
  void add(MessageBatch& batch) {
    MutexLock lock(mutex_);
    batches_.insert(&batch);
  }
  void remove(MessageBatch& batch) {
    MutexLock lock(mutex_);
    batches_.erase(&batch);
  }

  // Nothing is removed meanwhile; `visit` must not call back in here.
  void for_each(const std::function<void(HeldMessage&)>& visit) {
    MutexLock lock(mutex_);
    for (MessageBatch* batch : batches_) {
      for (HeldMessage& message : batch->messages) visit(message);
    }
  }

 private:
  Mutex mutex_;
  std::unordered_set<MessageBatch*> batches_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
