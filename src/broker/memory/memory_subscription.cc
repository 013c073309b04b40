#include "broker/memory/memory_subscription.h"

#include <algorithm>
#include <string>

#include "core/later.h"
#include "leat/broker.h"

namespace leat {
namespace {

Error lease_lost(const Lease& lease) {
  return {ErrorCode::kLeaseLost, "message " + std::to_string(lease.sequence) + ", delivery " +
                                     std::to_string(lease.delivery_count) +
                                     ": it was settled, removed or delivered again meanwhile"};
}

}  // namespace

MemorySubscription::MemorySubscription(const ConsumerConfig& config, std::uint64_t first_sequence)
    : name_(config.name),
      filter_(config.filter),
      ack_wait_(config.ack_wait),
      max_unsettled_(config.max_unsettled),
      next_new_(first_sequence) {}

std::vector<Delivery> MemorySubscription::take(const MessageLog& log, SteadyTime now, std::size_t max_count) {
  std::vector<Delivery> out;
  take_due(log, now, max_count, out);
  take_new(log, now, max_count, out);
  return out;
}

void MemorySubscription::take_due(const MessageLog& log, SteadyTime now, std::size_t max_count,
                                  std::vector<Delivery>& out) {
  while (out.size() < max_count && next_due() <= now) {
    out.push_back(lease(log.find(due_.begin()->second)->message, now));
  }
}

void MemorySubscription::take_new(const MessageLog& log, SteadyTime now, std::size_t max_count,
                                  std::vector<Delivery>& out) {
  while (out.size() < max_count && unsettled_.size() < max_unsettled_) {
    const MessageLog::Record* record = log.next(next_new_);
    if (record == nullptr) {
      next_new_ = std::max(next_new_, log.last_sequence() + 1);
      return;
    }
    next_new_ = record->message.sequence + 1;
    if (subject_matches(filter_, record->message.subject)) out.push_back(lease(record->message, now));
  }
}

Delivery MemorySubscription::lease(const StoredMessage& message, SteadyTime now) {
  Unsettled& entry = unsettled_[message.sequence];
  ++entry.delivery_count;
  entry.leased = true;
  set_due(message.sequence, entry, now + ack_wait_);
  return {.message = message,
          .lease = {.sequence = message.sequence, .delivery_count = entry.delivery_count, .token = {}},
          .number = ++deliveries_};
}

void MemorySubscription::set_due(std::uint64_t sequence, Unsettled& entry, SteadyTime due) {
  due_.erase({entry.due, sequence});
  entry.due = due;
  due_.emplace(due, sequence);
}

MemorySubscription::UnsettledBySequence::iterator MemorySubscription::find_held(const Lease& lease) {
  const auto found = unsettled_.find(lease.sequence);
  const bool held =
      found != unsettled_.end() && found->second.leased && found->second.delivery_count == lease.delivery_count;
  return held ? found : unsettled_.end();
}

Result<void> MemorySubscription::settle(const Settlement& settlement, SteadyTime now) {
  const auto held = find_held(settlement.lease);
  if (held == unsettled_.end()) return lease_lost(settlement.lease);
  if (settlement.verdict == Verdict::kRetry) {
    held->second.leased = false;
    set_due(held->first, held->second, later(now, std::max(settlement.delay, Duration{0})));
  } else {
    forget(held->first);
  }
  return {};
}

Result<void> MemorySubscription::extend(const Lease& lease, SteadyTime now) {
  const auto held = find_held(lease);
  if (held == unsettled_.end()) return lease_lost(lease);
  set_due(held->first, held->second, now + ack_wait_);
  return {};
}

void MemorySubscription::forget(std::uint64_t sequence) {
  const auto found = unsettled_.find(sequence);
  if (found == unsettled_.end()) return;
  due_.erase({found->second.due, sequence});
  unsettled_.erase(found);
}

ConsumerFacts MemorySubscription::facts(const MessageLog& log) const {
  ConsumerFacts facts{.name = name_, .filter = filter_};
  for (auto* record = log.next(next_new_); record != nullptr; record = log.next(record->message.sequence + 1)) {
    if (subject_matches(filter_, record->message.subject)) ++facts.pending;
  }
  facts.unsettled = unsettled_.size();
  facts.delivered_up_to = next_new_ - 1;
  facts.redelivered = static_cast<std::uint64_t>(std::count_if(
      unsettled_.begin(), unsettled_.end(), [](const auto& entry) { return entry.second.delivery_count > 1; }));
  return facts;
}

}  // namespace leat
