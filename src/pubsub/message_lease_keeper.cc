#include "pubsub/message_lease_keeper.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace leat {
namespace {

// A message may be here twice, one of its leases lost.
using DeliveryKey = std::tuple<std::uint64_t, std::uint32_t, std::string_view>;

DeliveryKey key_of(const Lease& lease) {
  return {lease.sequence, lease.delivery_count, lease.token};
}

}  // namespace

void MessageLeaseKeeper::start() {
  thread_ = start_thread("lease-keeper", [this](const std::stop_token& stop) { run(stop); });
}

void MessageLeaseKeeper::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

// One renewal may fail; with the second a lease is given up, a third of it before the broker gives the message away.
Duration MessageLeaseKeeper::interval() const {
  Duration shortest = Duration::max();
  for (const auto& source : parts_.sources) shortest = std::min(shortest, source->consumer->ack_wait());
  return std::max<Duration>(shortest / 3, std::chrono::milliseconds(1));
}

void MessageLeaseKeeper::run(const std::stop_token& stop) {
  while (sleep_for(parts_.clock, interval(), stop)) {
    for (const auto& source : parts_.sources) renew(*source);
  }
}

// The broker is asked without the ledger's lock, so that messages can come and go meanwhile; a subscription without a
// message here is asked too, because it may hold some ahead.
void MessageLeaseKeeper::renew(MessageSource& source) {
  const auto concerns = [&source](const HeldMessage& message) {
    return &message.batch->source == &source && message.kept != 0 && !message.settling && !message.lost;
  };
  std::vector<Lease> leases;
  parts_.ledger.for_each([&](HeldMessage& message) {
    if (concerns(message)) leases.push_back(message.delivery.lease);
  });
  const SteadyTime renewed_until = parts_.clock.steady() + source.consumer->ack_wait() * 2 / 3;
  const auto extended = source.consumer->extend(leases);
  std::map<DeliveryKey, const Result<void>*> answers;
  for (std::size_t i = 0; i < leases.size(); ++i) answers.emplace(key_of(leases[i]), &extended[i]);
  parts_.ledger.for_each([&](HeldMessage& message) {
    const auto found = answers.find(key_of(message.delivery.lease));
    if (found != answers.end() && concerns(message)) learn(message, *found->second, renewed_until);
  });
}

void MessageLeaseKeeper::learn(HeldMessage& message, const Result<void>& extended, SteadyTime renewed_until) {
  if (extended) {
    message.leased_until = renewed_until.time_since_epoch().count();
    return;
  }
  const bool over = parts_.clock.steady().time_since_epoch().count() >= message.leased_until;
  if (extended.error().code() != ErrorCode::kLeaseLost && !over) return;
  message.lost = true;
  parts_.log.warn("lease lost: another subscriber may get the message",
                  {{"subject", message.delivery.message.subject},
                   {"sequence", message.delivery.message.sequence},
                   {"error", extended.error().message()}});
}

}  // namespace leat
