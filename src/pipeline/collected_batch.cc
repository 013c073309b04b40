#include "pipeline/collected_batch.h"

#include "broker/message_size.h"

namespace leat {

void CollectedBatch::add(Delivery delivery) {
  bytes += size_of(delivery.message);
  messages.push_back(std::move(delivery.message));
  rulings.push_back({.lease = std::move(delivery.lease)});
}

void CollectedBatch::clear_rulings() {
  for (Ruling& ruling : rulings) ruling = {.lease = std::move(ruling.lease)};
}

void CollectedBatch::give_back() {
  clear_rulings();
  for (Ruling& ruling : rulings) {
    ruling.verdict = Verdict::kRetry;
    ruling.delay = Duration{0};
  }
}

void CollectedBatch::drop(const std::vector<bool>& marked) {
  std::size_t kept = 0;
  bytes = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (marked[i]) continue;
    bytes += size_of(messages[i]);
    if (kept != i) {
      messages[kept] = std::move(messages[i]);
      rulings[kept] = std::move(rulings[i]);
    }
    ++kept;
  }
  messages.resize(kept);
  rulings.resize(kept);
}

std::vector<Lease> CollectedBatch::leases() const {
  std::vector<Lease> all;
  all.reserve(rulings.size());
  for (const Ruling& ruling : rulings) all.push_back(ruling.lease);
  return all;
}

Batch::Batch(CollectedBatch& held) : held_(&held), messages_(held.messages) {}

std::size_t Batch::bytes() const {
  return held_->bytes;
}
unsigned Batch::attempt() const {
  return held_->attempt;
}
std::uint32_t Batch::deliveries(std::size_t index) const {
  return held_->rulings.at(index).lease.delivery_count;
}
const std::stop_token& Batch::stop_token() const {
  return held_->stop;
}

void Batch::done(std::size_t index) {
  held_->rulings.at(index).verdict = Verdict::kDone;
}

void Batch::retry(std::size_t index, std::optional<Duration> after) {
  Ruling& ruling = held_->rulings.at(index);
  ruling.verdict = Verdict::kRetry;
  ruling.delay = after;
}

void Batch::dead(std::size_t index, std::string reason) {
  Ruling& ruling = held_->rulings.at(index);
  ruling.verdict = Verdict::kDead;
  ruling.reason = std::move(reason);
}

}  // namespace leat
