// Owners of what nats.c hands out: each is freed when its owner dies.
#pragma once

#include <nats/nats.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace leat::nats {

struct Free {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};

using OptionsHandle = std::unique_ptr<natsOptions, Free>;
using ConnectionHandle = std::unique_ptr<natsConnection, Free>;
using SubscriptionHandle = std::unique_ptr<natsSubscription, Free>;
using MessageHandle = std::unique_ptr<natsMsg, Free>;

// Messages that are done with. nats.c frees messages on a thread of its own, and wakes it for each that comes alone: a
// hundred at once wake it once. Not thread-safe.
class SpentMessages {
 public:
  void add(MessageHandle message) {
    constexpr std::size_t kMost = 128;
    if (message != nullptr) messages_.push_back(std::move(message));
    if (messages_.size() >= kMost) messages_.clear();
  }

 private:
  std::vector<MessageHandle> messages_;
};

}  // namespace leat::nats
