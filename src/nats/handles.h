// Owners of what nats.c hands out: each is freed when its owner dies.
#pragma once

#include <nats/nats.h>

#include <memory>

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

}  // namespace leat::nats
