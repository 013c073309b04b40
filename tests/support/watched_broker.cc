#include "tests/support/watched_broker.h"

#include "core/later.h"

namespace leat::test {

DeliveryLog::Entry DeliveryLog::of(const std::string& payload) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(payload);
  return found == entries_.end() ? Entry{} : found->second;
}

void DeliveryLog::let_go(const void* holder, SteadyTime by) {
  MutexLock lock(mutex_);
  for (auto& [payload, entry] : entries_) {
    if (entry.holder != holder) continue;
    entry.holder = nullptr;
    entry.available_at = by;
  }
}

void DeliveryLog::delivered(const Delivery& delivery, const void* holder) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[delivery.message.payload];
  ++entry.times;
  entry.delivered = std::max(entry.delivered, delivery.lease.delivery_count);
  entry.holder = holder;
}

void DeliveryLog::settled(const std::string& payload, const Settlement& settlement, SteadyTime now) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[payload];
  entry.settled = std::max(entry.settled, settlement.lease.delivery_count);
  if (settlement.verdict != Verdict::kRetry) entry.over = true;
  if (settlement.lease.delivery_count < entry.delivered) return;  // somebody else has it already
  entry.holder = nullptr;
  entry.available_at = later(now, settlement.delay);
}

class WatchedConsumer : public Consumer {
 public:
  WatchedConsumer(std::unique_ptr<Consumer> inner, BrokerView& view, Clock& clock)
      : inner_(std::move(inner)), view_(view), clock_(clock) {
    MutexLock lock(view_.mutex_);
    view_.held_[inner_.get()];
  }
  ~WatchedConsumer() override {
    MutexLock lock(view_.mutex_);
    view_.held_.erase(inner_.get());
  }

  Result<std::vector<Delivery>> fetch(const FetchOptions& options, std::stop_token stop) override {
    std::stop_source either;
    const auto end = [&either] { either.request_stop(); };
    const std::stop_callback on_stop(stop, end);
    const std::stop_callback on_cut(view_.cut_.get_token(), end);
    auto fetched = inner_->fetch(options, either.get_token());
    if (!fetched) return fetched;
    MutexLock lock(view_.mutex_);
    for (const Delivery& delivery : *fetched) {
      view_.log_.delivered(delivery, &view_);
      view_.held_[inner_.get()][delivery.lease.sequence] = {delivery.message.payload, delivery.lease};
    }
    return fetched;
  }

  std::vector<Result<void>> settle(std::span<const Settlement> settlements) override {
    std::map<std::uint64_t, BrokerView::Held> before;
    {
      MutexLock lock(view_.mutex_);
      before = view_.held_[inner_.get()];
    }
    auto settled = inner_->settle(settlements);
    MutexLock lock(view_.mutex_);
    BrokerView::LeasesBySequence& held = view_.held_[inner_.get()];
    for (std::size_t i = 0; i < settlements.size(); ++i) {
      const Lease& lease = settlements[i].lease;
      const auto found = before.find(lease.sequence);
      if (!settled[i] || found == before.end()) continue;
      view_.log_.settled(found->second.payload, settlements[i], clock_.steady());
      const auto now = held.find(lease.sequence);
      if (now != held.end() && now->second.lease.delivery_count == lease.delivery_count) held.erase(now);
    }
    return settled;
  }

  std::vector<Result<void>> extend(std::span<const Lease> leases) override { return inner_->extend(leases); }
  void release_ahead() override { inner_->release_ahead(); }
  Duration ack_wait() const override { return inner_->ack_wait(); }
  const std::vector<Drift>& drift() const override { return inner_->drift(); }

 private:
  std::unique_ptr<Consumer> inner_;
  BrokerView& view_;
  Clock& clock_;
};

void BrokerView::cut_off() {
  cut_.request_stop();
  MutexLock lock(mutex_);
  for (auto& [consumer, held] : held_) {
    consumer->release_ahead();
    held.clear();
  }
}

void BrokerView::renew_leases() {
  MutexLock lock(mutex_);
  for (const auto& [consumer, held] : held_) {
    std::vector<Lease> leases;
    for (const auto& [sequence, one] : held) leases.push_back(one.lease);
    if (!leases.empty()) (void)consumer->extend(leases);
  }
}

void BrokerView::forget_leases() {
  MutexLock lock(mutex_);
  for (auto& [consumer, held] : held_) held.clear();
}

namespace {

class WatchedBroker : public Broker {
 public:
  WatchedBroker(std::shared_ptr<Broker> inner, BrokerView& view) : inner_(std::move(inner)), view_(view) {}

  Result<EnsureResult> ensure_stream(const StreamConfig& config) override { return inner_->ensure_stream(config); }
  std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests) override {
    return inner_->append(stream, requests);
  }
  Result<std::unique_ptr<Consumer>> open_consumer(const ConsumerConfig& config) override {
    auto opened = inner_->open_consumer(config);
    if (!opened) return opened;
    return std::make_unique<WatchedConsumer>(std::move(*opened), view_, inner_->clock());
  }
  Result<std::unique_ptr<Reader>> open_reader(const ReaderConfig& config) override {
    return inner_->open_reader(config);
  }
  Result<std::unique_ptr<KeyValue>> open_bucket(const BucketConfig& config) override {
    return inner_->open_bucket(config);
  }
  BrokerAdmin& admin() override { return inner_->admin(); }
  const Capabilities& capabilities() const override { return inner_->capabilities(); }
  Clock& clock() override { return inner_->clock(); }

 private:
  std::shared_ptr<Broker> inner_;
  BrokerView& view_;
};

}  // namespace

std::unique_ptr<Broker> make_watched_broker(std::shared_ptr<Broker> inner, BrokerView& view) {
  return std::make_unique<WatchedBroker>(std::move(inner), view);
}

}  // namespace leat::test
