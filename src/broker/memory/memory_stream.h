// One stream: its messages, its limits and its subscriptions.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "broker/memory/dedupe_window.h"
#include "broker/memory/memory_subscription.h"
#include "broker/memory/message_log.h"
#include "core/mutex.h"
#include "leat/broker.h"

namespace leat {

// Where a reader stands; only its reader touches it.
struct ReadPosition {
  std::uint64_t next_sequence = 1;
  std::optional<SystemTime> from_time{};  // until the first message at or after it was seen
};

// Thread-safe. Shared by the broker and all that was opened on it, so that a deleted stream can still say so.
class MemoryStream {
 public:
  MemoryStream(StreamConfig config, Clock& clock);

  const StreamConfig& config() const { return config_; }

  std::vector<Result<Appended>> append(std::span<const AppendRequest> requests, std::size_t max_message_bytes);

  Result<std::shared_ptr<MemorySubscription>> subscribe(const ConsumerConfig& config);
  Result<void> unsubscribe(std::string_view name);
  Result<std::vector<Delivery>> fetch(MemorySubscription& from, const FetchOptions& options,
                                      const std::stop_token& stop);
  std::vector<Result<void>> settle(MemorySubscription& at, std::span<const Settlement> settlements);
  std::vector<Result<void>> extend(MemorySubscription& at, std::span<const Lease> leases);

  Result<std::vector<StoredMessage>> read(ReadPosition& position, const ReaderConfig& config,
                                          const ReadOptions& options, const std::stop_token& stop);

  StreamFacts facts(std::string_view filter);
  std::vector<ConsumerFacts> consumers();
  std::vector<Result<std::optional<StoredMessage>>> read(std::span<const std::uint64_t> sequences);
  std::vector<Result<std::optional<StoredMessage>>> read_last(std::span<const std::string> subjects);
  std::vector<Result<bool>> remove(std::span<const std::uint64_t> sequences);
  std::uint64_t purge(std::string_view filter);

  // Everybody who waits here or comes later gets kNotFound.
  void mark_deleted();

 private:
  Result<Appended> append_one(const AppendRequest& request, std::size_t max_message_bytes) LEAT_REQUIRES(mutex_);
  Result<void> check_storable(const AppendRequest& request, std::size_t max_message_bytes) const;
  void apply_limits(const std::string& subject) LEAT_REQUIRES(mutex_);
  void drop_old() LEAT_REQUIRES(mutex_);
  void drop(std::uint64_t sequence) LEAT_REQUIRES(mutex_);
  std::optional<StoredMessage> find(std::uint64_t sequence) const LEAT_REQUIRES(mutex_);
  Result<void> settle_one(MemorySubscription& at, const Settlement& settlement) LEAT_REQUIRES(mutex_);
  std::uint64_t begin_of(const ConsumerConfig& config) const LEAT_REQUIRES(mutex_);
  std::uint64_t first_since(SystemTime time) const LEAT_REQUIRES(mutex_);
  Result<void> check_alive(const MemorySubscription& subscription) const LEAT_REQUIRES(mutex_);
  std::vector<StoredMessage> collect(ReadPosition& position, const ReaderConfig& config,
                                     const ReadOptions& options) const LEAT_REQUIRES(mutex_);
  Error not_found() const;

  const StreamConfig config_;
  Clock& clock_;
  const SystemTime created_;

  Mutex mutex_;
  CondVar changed_;  // something was stored, removed, settled or deleted
  MessageLog log_ LEAT_GUARDED_BY(mutex_);
  DedupeWindow ids_ LEAT_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<MemorySubscription>, std::less<>> subscriptions_ LEAT_GUARDED_BY(mutex_);
  bool deleted_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat
