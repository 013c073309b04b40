// A Broker around another one: every call, also those on what it opens, goes through one function of a Policy.
//
// A Policy is copied into each handle and has
//   template <class R, class Call> R around(Operation, std::size_t items, const std::stop_token&, Call call);
// where `call()` asks the inner broker, and R is a Result<T>, or a vector of one Result<T> for each of `items`.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/operation.h"
#include "leat/broker.h"

namespace leat {

template <class Policy>
class DecoratedConsumer : public Consumer {
 public:
  DecoratedConsumer(std::unique_ptr<Consumer> inner, Policy policy)
      : inner_(std::move(inner)), policy_(std::move(policy)) {}

  Result<std::vector<Delivery>> fetch(const FetchOptions& options, std::stop_token stop) override {
    return policy_.template around<Result<std::vector<Delivery>>>(Operation::kFetch, 1, stop,
                                                                  [&] { return inner_->fetch(options, stop); });
  }
  std::vector<Result<void>> settle(std::span<const Settlement> settlements) override {
    return policy_.template around<std::vector<Result<void>>>(Operation::kSettle, settlements.size(), {},
                                                              [&] { return inner_->settle(settlements); });
  }
  std::vector<Result<void>> extend(std::span<const Lease> leases) override {
    return policy_.template around<std::vector<Result<void>>>(Operation::kExtend, leases.size(), {},
                                                              [&] { return inner_->extend(leases); });
  }
  void release_ahead() override { inner_->release_ahead(); }
  Duration ack_wait() const override { return inner_->ack_wait(); }
  const std::vector<Drift>& drift() const override { return inner_->drift(); }

 private:
  std::unique_ptr<Consumer> inner_;
  Policy policy_;
};

template <class Policy>
class DecoratedReader : public Reader {
 public:
  DecoratedReader(std::unique_ptr<Reader> inner, Policy policy)
      : inner_(std::move(inner)), policy_(std::move(policy)) {}

  Result<std::vector<StoredMessage>> read(const ReadOptions& options, std::stop_token stop) override {
    return policy_.template around<Result<std::vector<StoredMessage>>>(Operation::kRead, 1, stop,
                                                                       [&] { return inner_->read(options, stop); });
  }

 private:
  std::unique_ptr<Reader> inner_;
  Policy policy_;
};

template <class Policy>
class DecoratedKeyWatch : public KeyWatch {
 public:
  DecoratedKeyWatch(std::unique_ptr<KeyWatch> inner, Policy policy)
      : inner_(std::move(inner)), policy_(std::move(policy)) {}

  Result<std::vector<KeyEntry>> next(std::chrono::milliseconds max_wait, std::stop_token stop) override {
    return policy_.template around<Result<std::vector<KeyEntry>>>(Operation::kKeyNext, 1, stop,
                                                                  [&] { return inner_->next(max_wait, stop); });
  }
  bool caught_up() const override { return inner_->caught_up(); }

 private:
  std::unique_ptr<KeyWatch> inner_;
  Policy policy_;
};

template <class Policy>
class DecoratedKeyValue : public KeyValue {
 public:
  DecoratedKeyValue(std::unique_ptr<KeyValue> inner, Policy policy)
      : inner_(std::move(inner)), policy_(std::move(policy)) {}

  std::vector<Result<std::optional<KeyEntry>>> read(std::span<const std::string> keys) override {
    return policy_.template around<std::vector<Result<std::optional<KeyEntry>>>>(Operation::kKeyRead, keys.size(), {},
                                                                                 [&] { return inner_->read(keys); });
  }
  std::vector<Result<std::uint64_t>> write(std::span<const KeyWrite> writes) override {
    return policy_.template around<std::vector<Result<std::uint64_t>>>(Operation::kKeyWrite, writes.size(), {},
                                                                       [&] { return inner_->write(writes); });
  }
  Result<std::vector<KeyEntry>> list(std::string_view prefix) override {
    return policy_.template around<Result<std::vector<KeyEntry>>>(Operation::kKeyList, 1, {},
                                                                  [&] { return inner_->list(prefix); });
  }
  Result<std::unique_ptr<KeyWatch>> watch(std::string_view prefix) override {
    using Opened = Result<std::unique_ptr<KeyWatch>>;
    auto opened = policy_.template around<Opened>(Operation::kKeyWatch, 1, {}, [&] { return inner_->watch(prefix); });
    if (!opened) return opened;
    return std::make_unique<DecoratedKeyWatch<Policy>>(std::move(*opened), policy_);
  }
  const std::vector<Drift>& drift() const override { return inner_->drift(); }

 private:
  std::unique_ptr<KeyValue> inner_;
  Policy policy_;
};

template <class Policy>
class DecoratedBroker : public Broker, public BrokerAdmin {
 public:
  DecoratedBroker(std::unique_ptr<Broker> inner, Policy policy, Capabilities capabilities)
      : inner_(std::move(inner)), policy_(std::move(policy)), capabilities_(std::move(capabilities)) {}

  Result<EnsureResult> ensure_stream(const StreamConfig& config) override {
    return policy_.template around<Result<EnsureResult>>(Operation::kEnsureStream, 1, {},
                                                         [&] { return inner_->ensure_stream(config); });
  }
  std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests) override {
    return policy_.template around<std::vector<Result<Appended>>>(Operation::kAppend, requests.size(), {},
                                                                  [&] { return inner_->append(stream, requests); });
  }
  Result<std::unique_ptr<Consumer>> open_consumer(const ConsumerConfig& config) override {
    return open<Consumer, DecoratedConsumer<Policy>>(Operation::kOpenConsumer,
                                                     [&] { return inner_->open_consumer(config); });
  }
  Result<std::unique_ptr<Reader>> open_reader(const ReaderConfig& config) override {
    return open<Reader, DecoratedReader<Policy>>(Operation::kOpenReader, [&] { return inner_->open_reader(config); });
  }
  Result<std::unique_ptr<KeyValue>> open_bucket(const BucketConfig& config) override {
    return open<KeyValue, DecoratedKeyValue<Policy>>(Operation::kOpenBucket,
                                                     [&] { return inner_->open_bucket(config); });
  }
  BrokerAdmin& admin() override { return *this; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Clock& clock() override { return inner_->clock(); }

  Result<StreamFacts> stream(std::string_view stream, std::string_view filter) override {
    return look<StreamFacts>(Operation::kStreamFacts, [&](BrokerAdmin& a) { return a.stream(stream, filter); });
  }
  Result<std::vector<ConsumerFacts>> consumers(std::string_view stream) override {
    return look<std::vector<ConsumerFacts>>(Operation::kConsumerFacts,
                                            [&](BrokerAdmin& a) { return a.consumers(stream); });
  }
  std::vector<Result<std::optional<StoredMessage>>> read(std::string_view stream,
                                                         std::span<const std::uint64_t> sequences) override {
    return look_each<std::optional<StoredMessage>>(Operation::kReadBySequence, sequences.size(),
                                                   [&](BrokerAdmin& a) { return a.read(stream, sequences); });
  }
  std::vector<Result<std::optional<StoredMessage>>> read_last(std::string_view stream,
                                                              std::span<const std::string> subjects) override {
    return look_each<std::optional<StoredMessage>>(Operation::kReadLast, subjects.size(),
                                                   [&](BrokerAdmin& a) { return a.read_last(stream, subjects); });
  }
  std::vector<Result<bool>> remove(std::string_view stream, std::span<const std::uint64_t> sequences) override {
    return look_each<bool>(Operation::kRemove, sequences.size(),
                           [&](BrokerAdmin& a) { return a.remove(stream, sequences); });
  }
  Result<std::uint64_t> purge(std::string_view stream, std::string_view filter) override {
    return look<std::uint64_t>(Operation::kPurge, [&](BrokerAdmin& a) { return a.purge(stream, filter); });
  }
  Result<void> delete_stream(std::string_view stream) override {
    return look<void>(Operation::kDeleteStream, [&](BrokerAdmin& a) { return a.delete_stream(stream); });
  }
  Result<void> delete_consumer(std::string_view stream, std::string_view consumer) override {
    return look<void>(Operation::kDeleteConsumer, [&](BrokerAdmin& a) { return a.delete_consumer(stream, consumer); });
  }

 private:
  template <class Interface, class Decorated, class Call>
  Result<std::unique_ptr<Interface>> open(Operation operation, Call call) {
    auto opened = policy_.template around<Result<std::unique_ptr<Interface>>>(operation, 1, {}, call);
    if (!opened) return opened;
    return std::make_unique<Decorated>(std::move(*opened), policy_);
  }
  template <class T, class Call>
  Result<T> look(Operation operation, Call call) {
    return policy_.template around<Result<T>>(operation, 1, {}, [&] { return call(inner_->admin()); });
  }
  template <class T, class Call>
  std::vector<Result<T>> look_each(Operation operation, std::size_t items, Call call) {
    return policy_.template around<std::vector<Result<T>>>(operation, items, {}, [&] { return call(inner_->admin()); });
  }

  std::unique_ptr<Broker> inner_;
  Policy policy_;
  const Capabilities capabilities_;
};

}  // namespace leat
