#include "leat/received_message.h"

#include "pubsub/subscription.h"

namespace leat {
namespace {

Subscription& subscription_of(HeldMessage& held) {
  return *held.batch->subscription;
}

}  // namespace

ReceivedMessage::ReceivedMessage(HeldMessage& held) : held_(&held), deliveries_(held.deliveries()) {}

ReceivedMessage::ReceivedMessage(ReceivedMessage&& other) noexcept
    : held_(std::exchange(other.held_, nullptr)), deliveries_(other.deliveries_), decided_(other.decided_) {}

ReceivedMessage& ReceivedMessage::operator=(ReceivedMessage&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  held_ = std::exchange(other.held_, nullptr);
  deliveries_ = other.deliveries_;
  decided_ = other.decided_;
  return *this;
}

ReceivedMessage::~ReceivedMessage() {
  let_go();
}

void ReceivedMessage::let_go() {
  if (held_ == nullptr) return;
  nak();
  release(*std::exchange(held_, nullptr));
}

const std::string& ReceivedMessage::subject() const {
  return held_->delivery.message.subject;
}
const std::string& ReceivedMessage::payload() const {
  return held_->delivery.message.payload;
}
const Headers& ReceivedMessage::headers() const {
  return held_->delivery.message.headers;
}
std::uint64_t ReceivedMessage::sequence() const {
  return held_->delivery.message.sequence;
}
std::uint64_t ReceivedMessage::delivery_number() const {
  return held_->delivery.number;
}
SystemTime ReceivedMessage::stored_at() const {
  return held_->delivery.message.time;
}
SystemTime ReceivedMessage::received_at() const {
  return held_->batch->received_at;
}
const std::string& ReceivedMessage::stream() const {
  return subscription_of(*held_).options().stream;
}
const std::string& ReceivedMessage::subscription() const {
  return held_->batch->source.name;
}

void ReceivedMessage::ack() {
  if (!std::exchange(decided_, true)) subscription_of(*held_).done(*held_);
}

Result<void> ReceivedMessage::ack_confirmed() {
  if (decided_) return {};
  auto settled = subscription_of(*held_).done_confirmed(*held_);
  decided_ = settled || settled.error().code() == ErrorCode::kLeaseLost;
  return settled;
}

void ReceivedMessage::nak() {
  if (!std::exchange(decided_, true)) subscription_of(*held_).come_again(*held_, std::nullopt);
}

void ReceivedMessage::nak(Duration delay) {
  if (!std::exchange(decided_, true)) subscription_of(*held_).come_again(*held_, delay);
}

void ReceivedMessage::term(std::string reason) {
  if (!std::exchange(decided_, true)) subscription_of(*held_).give_up(*held_, std::move(reason));
}

Result<void> ReceivedMessage::in_progress() {
  return decided_ ? Result<void>() : subscription_of(*held_).extend(*held_);
}

}  // namespace leat
