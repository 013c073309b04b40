#include "leat/memory_broker.h"

#include <map>
#include <string>

#include "broker/memory/memory_handles.h"

namespace leat {
namespace {

constexpr std::size_t kMaxMessageBytes = 64 << 20;

class MemoryBroker : public Broker, public BrokerAdmin {
 public:
  explicit MemoryBroker(Clock& clock) : clock_(clock) {}

  Result<EnsureResult> ensure_stream(const StreamConfig& config) override;
  std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests) override;
  Result<std::unique_ptr<Consumer>> open_consumer(const ConsumerConfig& config) override;
  Result<std::unique_ptr<Reader>> open_reader(const ReaderConfig& config) override;
  Result<std::unique_ptr<KeyValue>> open_bucket(const BucketConfig& config) override;

  BrokerAdmin& admin() override { return *this; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Clock& clock() override { return clock_; }

  Result<StreamFacts> stream(std::string_view stream, std::string_view filter) override;
  Result<std::vector<ConsumerFacts>> consumers(std::string_view stream) override;
  std::vector<Result<std::optional<StoredMessage>>> read(std::string_view stream,
                                                         std::span<const std::uint64_t> sequences) override;
  std::vector<Result<std::optional<StoredMessage>>> read_last(std::string_view stream,
                                                              std::span<const std::string> subjects) override;
  std::vector<Result<bool>> remove(std::string_view stream, std::span<const std::uint64_t> sequences) override;
  Result<std::uint64_t> purge(std::string_view stream, std::string_view filter) override;
  Result<void> delete_stream(std::string_view stream) override;
  Result<void> delete_consumer(std::string_view stream, std::string_view consumer) override;

 private:
  using StreamResult = Result<std::shared_ptr<MemoryStream>>;

  StreamResult find(std::string_view name);

  Clock& clock_;
  const Capabilities capabilities_{.name = "memory",
                                   .version = "1",
                                   .durability = "none",
                                   .fenced_settle = true,
                                   .answers_get_lost = false,
                                   .max_message_bytes = kMaxMessageBytes};

  Mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryStream>, std::less<>> streams_ LEAT_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<MemoryBucket>, std::less<>> buckets_ LEAT_GUARDED_BY(mutex_);
};

MemoryBroker::StreamResult MemoryBroker::find(std::string_view name) {
  MutexLock lock(mutex_);
  if (const auto found = streams_.find(name); found != streams_.end()) return found->second;
  return Error(ErrorCode::kNotFound, "there is no stream \"" + std::string(name) + "\"");
}

Result<EnsureResult> MemoryBroker::ensure_stream(const StreamConfig& config) {
  if (auto valid = check_stream_config(config); !valid) return valid.error();
  MutexLock lock(mutex_);
  if (const auto found = streams_.find(config.name); found != streams_.end()) {
    return EnsureResult{.created = false, .drift = compare_streams(config, found->second->config())};
  }
  for (const auto& [name, other] : streams_) {
    if (any_overlap(config.subjects, other->config().subjects)) {
      return Error(ErrorCode::kConflict,
                   "stream \"" + config.name + "\": its subjects overlap those of stream \"" + name + "\"");
    }
  }
  streams_.emplace(config.name, std::make_shared<MemoryStream>(config, clock_));
  return EnsureResult{.created = true};
}

std::vector<Result<Appended>> MemoryBroker::append(std::string_view stream, std::span<const AppendRequest> requests) {
  const auto found = find(stream);
  if (!found) return std::vector<Result<Appended>>(requests.size(), found.error());
  return (*found)->append(requests, kMaxMessageBytes);
}

Result<std::unique_ptr<Consumer>> MemoryBroker::open_consumer(const ConsumerConfig& config) {
  if (auto valid = check_consumer_config(config); !valid) return valid.error();
  const auto found = find(config.stream);
  if (!found) return found.error();
  auto subscription = (*found)->subscribe(config);
  if (!subscription) return subscription.error();
  return std::make_unique<MemoryConsumer>(*found, std::move(*subscription), config);
}

Result<std::unique_ptr<Reader>> MemoryBroker::open_reader(const ReaderConfig& config) {
  if (auto valid = check_reader_config(config); !valid) return valid.error();
  const auto found = find(config.stream);
  if (!found) return found.error();
  return std::make_unique<MemoryReader>(*found, config);
}

Result<std::unique_ptr<KeyValue>> MemoryBroker::open_bucket(const BucketConfig& config) {
  if (auto valid = check_bucket_config(config); !valid) return valid.error();
  MutexLock lock(mutex_);
  auto& bucket = buckets_[config.name];
  if (bucket == nullptr) bucket = std::make_shared<MemoryBucket>(config, clock_, kMaxMessageBytes);
  return std::make_unique<MemoryKeyValue>(bucket, config);
}

Result<StreamFacts> MemoryBroker::stream(std::string_view stream, std::string_view filter) {
  const auto found = find(stream);
  if (!found) return found.error();
  return (*found)->facts(filter);
}

Result<std::vector<ConsumerFacts>> MemoryBroker::consumers(std::string_view stream) {
  const auto found = find(stream);
  if (!found) return found.error();
  return (*found)->consumers();
}

std::vector<Result<std::optional<StoredMessage>>> MemoryBroker::read(std::string_view stream,
                                                                     std::span<const std::uint64_t> sequences) {
  const auto found = find(stream);
  if (!found) return std::vector<Result<std::optional<StoredMessage>>>(sequences.size(), found.error());
  return (*found)->read(sequences);
}

std::vector<Result<std::optional<StoredMessage>>> MemoryBroker::read_last(std::string_view stream,
                                                                          std::span<const std::string> subjects) {
  const auto found = find(stream);
  if (!found) return std::vector<Result<std::optional<StoredMessage>>>(subjects.size(), found.error());
  return (*found)->read_last(subjects);
}

std::vector<Result<bool>> MemoryBroker::remove(std::string_view stream, std::span<const std::uint64_t> sequences) {
  const auto found = find(stream);
  if (!found) return std::vector<Result<bool>>(sequences.size(), found.error());
  return (*found)->remove(sequences);
}

Result<std::uint64_t> MemoryBroker::purge(std::string_view stream, std::string_view filter) {
  if (auto valid = check_filter(filter); !valid) return valid.error();
  const auto found = find(stream);
  if (!found) return found.error();
  return (*found)->purge(filter);
}

Result<void> MemoryBroker::delete_stream(std::string_view stream) {
  const auto found = find(stream);
  if (!found) return found.error();
  (*found)->mark_deleted();
  MutexLock lock(mutex_);
  if (const auto at = streams_.find(stream); at != streams_.end() && at->second == *found) streams_.erase(at);
  return {};
}

Result<void> MemoryBroker::delete_consumer(std::string_view stream, std::string_view consumer) {
  const auto found = find(stream);
  if (!found) return found.error();
  return (*found)->unsubscribe(consumer);
}

}  // namespace

std::unique_ptr<Broker> open_memory_broker(const MemoryOptions& options) {
  Clock& clock = options.clock != nullptr ? *options.clock : real_clock();
  return std::make_unique<MemoryBroker>(clock);
}

}  // namespace leat
