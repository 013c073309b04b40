// One broker for several owners: for decorators, which each own what they decorate.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "leat/broker.h"

namespace leat::test {

class SharedBroker : public Broker {
 public:
  explicit SharedBroker(std::shared_ptr<Broker> inner) : inner_(std::move(inner)) {}

  Result<EnsureResult> ensure_stream(const StreamConfig& config) override { return inner_->ensure_stream(config); }
  std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests) override {
    return inner_->append(stream, requests);
  }
  Result<std::unique_ptr<Consumer>> open_consumer(const ConsumerConfig& config) override {
    return inner_->open_consumer(config);
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
};

}  // namespace leat::test
