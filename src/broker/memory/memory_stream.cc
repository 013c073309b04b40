#include "broker/memory/memory_stream.h"

#include <algorithm>
#include <utility>

#include "broker/config_checks.h"
#include "broker/message_size.h"

namespace leat {

MemoryStream::MemoryStream(StreamConfig config, Clock& clock)
    : config_(std::move(config)), clock_(clock), created_(clock.now()), ids_(config_.dedupe_window) {}

Error MemoryStream::not_found() const {
  return {ErrorCode::kNotFound, "stream \"" + config_.name + "\" was deleted"};
}

std::vector<Result<Appended>> MemoryStream::append(std::span<const AppendRequest> requests,
                                                   std::size_t max_message_bytes) {
  std::vector<Result<Appended>> results;
  results.reserve(requests.size());
  MutexLock lock(mutex_);
  drop_old();
  for (const AppendRequest& request : requests) results.push_back(append_one(request, max_message_bytes));
  changed_.notify_all();
  return results;
}

Result<void> MemoryStream::check_storable(const AppendRequest& request, std::size_t max_message_bytes) const {
  const Message& message = request.message;
  if (auto valid = check_message(message, max_message_bytes); !valid) return valid;
  if (!any_matches(config_.subjects, message.subject)) {
    return Error(ErrorCode::kInvalidArgument,
                 "subject \"" + message.subject + "\" is none of stream \"" + config_.name + "\"");
  }
  if (config_.max_bytes > 0 && size_of(message) > config_.max_bytes) {
    return Error(ErrorCode::kFull, "the message under \"" + message.subject +
                                       "\" alone is over max_bytes of stream \"" + config_.name + "\"");
  }
  return {};
}

Result<Appended> MemoryStream::append_one(const AppendRequest& request, std::size_t max_message_bytes) {
  if (deleted_) return not_found();
  if (auto storable = check_storable(request, max_message_bytes); !storable) return storable.error();
  const SteadyTime now = clock_.steady();
  if (!request.message_id.empty()) {
    if (const std::uint64_t first = ids_.find(request.message_id, now); first != 0) {
      return Appended{.sequence = first, .duplicate = true};
    }
  }
  const std::string& subject = request.message.subject;
  if (request.expected_last && log_.last_of(subject) != *request.expected_last) {
    return Error(ErrorCode::kConflict, "the newest message under \"" + subject + "\" is " +
                                           std::to_string(log_.last_of(subject)) + ", expected " +
                                           std::to_string(*request.expected_last));
  }
  const std::uint64_t sequence = log_.append(request.message, clock_.now(), now);
  if (!request.message_id.empty()) ids_.remember(request.message_id, sequence, now);
  apply_limits(subject);
  return Appended{.sequence = sequence};
}

void MemoryStream::apply_limits(const std::string& subject) {
  const std::uint64_t per_subject = config_.max_messages_per_subject;
  while (per_subject > 0 && log_.count_of(subject) > per_subject) drop(log_.first_of(subject));
  while (config_.max_messages > 0 && log_.size() > config_.max_messages) drop(log_.first_sequence());
  while (config_.max_bytes > 0 && log_.bytes() > config_.max_bytes) drop(log_.first_sequence());
}

void MemoryStream::drop_old() {
  if (config_.max_age == Duration{0}) return;
  const SteadyTime now = clock_.steady();
  for (auto* record = log_.oldest(); record != nullptr && now - record->stored >= config_.max_age;
       record = log_.oldest()) {
    drop(record->message.sequence);
  }
}

void MemoryStream::drop(std::uint64_t sequence) {
  log_.erase(sequence);
  for (auto& [name, subscription] : subscriptions_) subscription->forget(sequence);
}

std::uint64_t MemoryStream::first_since(SystemTime time) const {
  const MessageLog::Record* record = log_.oldest();
  while (record != nullptr && record->message.time < time) record = log_.next(record->message.sequence + 1);
  return record != nullptr ? record->message.sequence : log_.last_sequence() + 1;
}

std::uint64_t MemoryStream::begin_of(const ConsumerConfig& config) const {
  if (config_.retention == Retention::kWorkQueue) return 1;
  if (config.start_time) return first_since(*config.start_time);
  if (config.start_sequence > 0) return config.start_sequence;
  return config.start == ConsumerConfig::Start::kEnd ? log_.last_sequence() + 1 : 1;
}

Result<std::shared_ptr<MemorySubscription>> MemoryStream::subscribe(const ConsumerConfig& config) {
  MutexLock lock(mutex_);
  if (deleted_) return not_found();
  if (const auto found = subscriptions_.find(config.name); found != subscriptions_.end()) {
    if (found->second->filter() == config.filter) return found->second;
    return Error(ErrorCode::kConflict, "subscription \"" + config.name + "\" exists with the filter \"" +
                                           found->second->filter() + "\", not \"" + config.filter + "\"");
  }
  for (const auto& [name, other] : subscriptions_) {
    if (config_.retention == Retention::kWorkQueue && filters_overlap(other->filter(), config.filter)) {
      return Error(ErrorCode::kConflict, "subscription \"" + config.name + "\": its filter \"" + config.filter +
                                             "\" overlaps that of \"" + name + "\", \"" + other->filter() +
                                             "\"; each message of a work queue belongs to one subscription");
    }
  }
  drop_old();
  auto added = std::make_shared<MemorySubscription>(config, begin_of(config));
  subscriptions_.emplace(config.name, added);
  return added;
}

Result<void> MemoryStream::unsubscribe(std::string_view name) {
  MutexLock lock(mutex_);
  const auto found = subscriptions_.find(name);
  if (found == subscriptions_.end()) {
    return Error(ErrorCode::kNotFound,
                 "stream \"" + config_.name + "\" has no subscription \"" + std::string(name) + "\"");
  }
  found->second->mark_deleted();
  subscriptions_.erase(found);
  changed_.notify_all();
  return {};
}

Result<void> MemoryStream::check_alive(const MemorySubscription& subscription) const {
  if (deleted_) return not_found();
  if (!subscription.deleted()) return {};
  return Error(ErrorCode::kNotFound, "subscription \"" + subscription.name() + "\" of stream \"" + config_.name +
                                         "\" was deleted: open it again");
}

Result<std::vector<Delivery>> MemoryStream::fetch(MemorySubscription& from, const FetchOptions& options,
                                                  const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const SteadyTime deadline = deadline_after(clock_, bounded_wait(options.max_wait));
  while (true) {
    if (auto alive = check_alive(from); !alive) return alive.error();
    if (stop.stop_requested()) return std::vector<Delivery>{};
    drop_old();
    const SteadyTime now = clock_.steady();
    auto taken = from.take(log_, now, options.max_count);
    if (!taken.empty() || now >= deadline) return taken;
    clock_.wait_until(changed_, mutex_, std::min(deadline, from.next_due()), stop);
  }
}

Result<void> MemoryStream::settle_one(MemorySubscription& at, const Settlement& settlement) {
  if (auto alive = check_alive(at); !alive) return alive;
  if (auto settled = at.settle(settlement, clock_.steady()); !settled) return settled;
  const bool final = settlement.verdict != Verdict::kRetry;
  if (final && config_.retention == Retention::kWorkQueue) drop(settlement.lease.sequence);
  return {};
}

std::vector<Result<void>> MemoryStream::settle(MemorySubscription& at, std::span<const Settlement> settlements) {
  std::vector<Result<void>> results;
  results.reserve(settlements.size());
  MutexLock lock(mutex_);
  for (const Settlement& settlement : settlements) results.push_back(settle_one(at, settlement));
  changed_.notify_all();
  return results;
}

std::vector<Result<void>> MemoryStream::extend(MemorySubscription& at, std::span<const Lease> leases) {
  std::vector<Result<void>> results;
  results.reserve(leases.size());
  MutexLock lock(mutex_);
  for (const Lease& lease : leases) {
    auto alive = check_alive(at);
    results.push_back(alive ? at.extend(lease, clock_.steady()) : alive);
  }
  return results;
}

std::vector<StoredMessage> MemoryStream::collect(ReadPosition& position, const ReaderConfig& config,
                                                 const ReadOptions& options) const {
  std::vector<StoredMessage> out;
  std::size_t bytes = 0;
  while (out.size() < options.max_count && bytes < options.max_bytes) {
    const MessageLog::Record* record = log_.next(position.next_sequence);
    if (record == nullptr || (config.last_sequence != 0 && record->message.sequence > config.last_sequence)) break;
    const StoredMessage& message = record->message;
    position.next_sequence = message.sequence + 1;
    if (position.from_time && message.time < *position.from_time) continue;
    position.from_time.reset();
    if (!subject_matches(config.filter, message.subject)) continue;
    out.push_back(message);
    if (config.headers_only) out.back().payload.clear();
    bytes += size_of(out.back());
  }
  return out;
}

Result<std::vector<StoredMessage>> MemoryStream::read(ReadPosition& position, const ReaderConfig& config,
                                                      const ReadOptions& options, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const SteadyTime deadline = deadline_after(clock_, bounded_wait(options.max_wait));
  while (true) {
    if (deleted_) return not_found();
    if (stop.stop_requested()) return std::vector<StoredMessage>{};
    drop_old();
    auto found = collect(position, config, options);
    if (!found.empty() || !config.follow || clock_.steady() >= deadline) return found;
    clock_.wait_until(changed_, mutex_, deadline, stop);
  }
}

StreamFacts MemoryStream::facts(std::string_view filter) {
  MutexLock lock(mutex_);
  drop_old();
  const bool ever = log_.last_sequence() > 0;
  return {.name = config_.name,
          .created = created_,
          .messages = log_.size(),
          .bytes = log_.bytes(),
          .first_sequence = ever ? log_.first_sequence() : 0,
          .last_sequence = log_.last_sequence(),
          .selected = filter.empty() ? 0 : log_.count_selected(filter)};
}

std::vector<ConsumerFacts> MemoryStream::consumers() {
  MutexLock lock(mutex_);
  drop_old();
  std::vector<ConsumerFacts> facts;
  for (const auto& [name, subscription] : subscriptions_) facts.push_back(subscription->facts(log_));
  return facts;
}

std::optional<StoredMessage> MemoryStream::find(std::uint64_t sequence) const {
  const MessageLog::Record* record = log_.find(sequence);
  if (record == nullptr) return std::nullopt;
  return record->message;
}

std::vector<Result<std::optional<StoredMessage>>> MemoryStream::read(std::span<const std::uint64_t> sequences) {
  std::vector<Result<std::optional<StoredMessage>>> results;
  results.reserve(sequences.size());
  MutexLock lock(mutex_);
  drop_old();
  for (const std::uint64_t sequence : sequences) results.emplace_back(find(sequence));
  return results;
}

std::vector<Result<std::optional<StoredMessage>>> MemoryStream::read_last(std::span<const std::string> subjects) {
  std::vector<Result<std::optional<StoredMessage>>> results;
  results.reserve(subjects.size());
  MutexLock lock(mutex_);
  drop_old();
  for (const std::string& subject : subjects) {
    if (auto valid = check_subject(subject); !valid) {
      results.emplace_back(valid.error());
    } else {
      results.emplace_back(find(log_.last_of(subject)));
    }
  }
  return results;
}

std::vector<Result<bool>> MemoryStream::remove(std::span<const std::uint64_t> sequences) {
  std::vector<Result<bool>> results;
  results.reserve(sequences.size());
  MutexLock lock(mutex_);
  drop_old();
  for (const std::uint64_t sequence : sequences) {
    const bool there = log_.find(sequence) != nullptr;
    if (there) drop(sequence);
    results.emplace_back(there);
  }
  changed_.notify_all();
  return results;
}

std::uint64_t MemoryStream::purge(std::string_view filter) {
  MutexLock lock(mutex_);
  drop_old();
  std::vector<std::uint64_t> selected;
  for (auto* record = log_.oldest(); record != nullptr; record = log_.next(record->message.sequence + 1)) {
    if (subject_matches(filter, record->message.subject)) selected.push_back(record->message.sequence);
  }
  for (const std::uint64_t sequence : selected) drop(sequence);
  changed_.notify_all();
  return selected.size();
}

void MemoryStream::mark_deleted() {
  MutexLock lock(mutex_);
  deleted_ = true;
  changed_.notify_all();
}

}  // namespace leat
