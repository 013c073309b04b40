// The handles that a MemoryBroker gives out: each is a thin view of a shared stream or bucket.
#pragma once

#include <memory>
#include <utility>

#include "broker/config_checks.h"
#include "broker/memory/memory_bucket.h"
#include "broker/memory/memory_stream.h"

namespace leat {

// Leases nothing ahead: a fetch costs no round trip that it could save.
class MemoryConsumer : public Consumer {
 public:
  MemoryConsumer(std::shared_ptr<MemoryStream> stream, std::shared_ptr<MemorySubscription> subscription,
                 const ConsumerConfig& wanted)
      : stream_(std::move(stream)),
        subscription_(std::move(subscription)),
        drift_(compare_consumers(wanted, subscription_->ack_wait(), subscription_->max_unsettled())) {}

  Result<std::vector<Delivery>> fetch(const FetchOptions& options, std::stop_token stop) override {
    if (auto valid = check_fetch_options(options); !valid) return valid.error();
    return stream_->fetch(*subscription_, options, stop);
  }
  std::vector<Result<void>> settle(std::span<const Settlement> settlements) override {
    return stream_->settle(*subscription_, settlements);
  }
  std::vector<Result<void>> extend(std::span<const Lease> leases) override {
    return stream_->extend(*subscription_, leases);
  }
  void release_ahead() override {}
  Duration ack_wait() const override { return subscription_->ack_wait(); }
  const std::vector<Drift>& drift() const override { return drift_; }

 private:
  std::shared_ptr<MemoryStream> stream_;
  std::shared_ptr<MemorySubscription> subscription_;
  const std::vector<Drift> drift_;
};

class MemoryReader : public Reader {
 public:
  MemoryReader(std::shared_ptr<MemoryStream> stream, ReaderConfig config)
      : stream_(std::move(stream)),
        config_(std::move(config)),
        position_{.next_sequence = config_.from_sequence, .from_time = config_.from_time} {}

  Result<std::vector<StoredMessage>> read(const ReadOptions& options, std::stop_token stop) override {
    if (auto valid = check_read_options(options); !valid) return valid.error();
    return stream_->read(position_, config_, options, stop);
  }

 private:
  std::shared_ptr<MemoryStream> stream_;
  ReaderConfig config_;
  ReadPosition position_;
};

class MemoryKeyWatch : public KeyWatch {
 public:
  MemoryKeyWatch(std::shared_ptr<MemoryBucket> bucket, std::string_view prefix)
      : bucket_(std::move(bucket)), prefix_(prefix) {
    bucket_->enter(place_, prefix_);
  }
  ~MemoryKeyWatch() override { bucket_->leave(place_); }
  MemoryKeyWatch(const MemoryKeyWatch&) = delete;
  MemoryKeyWatch& operator=(const MemoryKeyWatch&) = delete;

  Result<std::vector<KeyEntry>> next(std::chrono::milliseconds max_wait, std::stop_token stop) override {
    return bucket_->changes(place_, prefix_, max_wait, stop);
  }
  bool caught_up() const override { return place_.seen >= place_.there_at_begin; }

 private:
  std::shared_ptr<MemoryBucket> bucket_;
  std::string prefix_;
  MemoryBucket::Place place_;
};

class MemoryKeyValue : public KeyValue {
 public:
  MemoryKeyValue(std::shared_ptr<MemoryBucket> bucket, const BucketConfig& wanted)
      : bucket_(std::move(bucket)), drift_(compare_buckets(wanted, bucket_->config().ttl)) {}

  std::vector<Result<std::optional<KeyEntry>>> read(std::span<const std::string> keys) override {
    std::vector<Result<std::optional<KeyEntry>>> results;
    results.reserve(keys.size());
    for (const std::string& key : keys) results.push_back(bucket_->read(key));
    return results;
  }
  std::vector<Result<std::uint64_t>> write(std::span<const KeyWrite> writes) override { return bucket_->write(writes); }
  Result<std::vector<KeyEntry>> list(std::string_view prefix) override { return bucket_->list(prefix); }
  Result<std::unique_ptr<KeyWatch>> watch(std::string_view prefix) override {
    return std::make_unique<MemoryKeyWatch>(bucket_, prefix);
  }
  const std::vector<Drift>& drift() const override { return drift_; }

 private:
  std::shared_ptr<MemoryBucket> bucket_;
  const std::vector<Drift> drift_;
};

}  // namespace leat
