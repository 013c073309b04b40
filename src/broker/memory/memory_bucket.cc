#include "broker/memory/memory_bucket.h"

#include <algorithm>
#include <utility>

#include "broker/config_checks.h"
#include "broker/key_write_checks.h"

namespace leat {

MemoryBucket::MemoryBucket(BucketConfig config, Clock& clock, std::size_t max_value_bytes)
    : config_(std::move(config)), clock_(clock), max_value_bytes_(max_value_bytes) {}

Result<std::optional<KeyEntry>> MemoryBucket::read(const std::string& key) {
  if (auto valid = check_key(key); !valid) return valid.error();
  MutexLock lock(mutex_);
  drop_old();
  const auto found = records_.find(key);
  if (found == records_.end()) return std::optional<KeyEntry>{};
  return std::optional<KeyEntry>{found->second.entry};
}

std::vector<Result<std::uint64_t>> MemoryBucket::write(std::span<const KeyWrite> writes) {
  std::vector<Result<std::uint64_t>> results;
  results.reserve(writes.size());
  MutexLock lock(mutex_);
  drop_old();
  for (const KeyWrite& write : writes) results.push_back(write_one(write));
  changed_.notify_all();
  return results;
}

Result<std::uint64_t> MemoryBucket::write_one(const KeyWrite& write) {
  if (auto valid = check_key_write(write, max_value_bytes_); !valid) return valid.error();
  const auto found = records_.find(write.key);
  const std::uint64_t actual = found == records_.end() ? 0 : found->second.entry.revision;
  if (auto wanted = check_revision(write, config_.name, actual); !wanted) return wanted.error();
  if (write.kind == KeyWrite::Kind::kErase) {
    erase(write.key);
  } else {
    store(write);
  }
  return revision_;
}

void MemoryBucket::store(const KeyWrite& write) {
  Record& record = records_[write.key];
  by_revision_.erase(record.entry.revision);
  record.entry = {.key = write.key, .value = write.value, .revision = ++revision_, .time = clock_.now()};
  record.written = clock_.steady();
  by_revision_.emplace(revision_, write.key);
}

void MemoryBucket::erase(const std::string& key) {
  const auto found = records_.find(key);
  if (found == records_.end()) return;
  by_revision_.erase(found->second.entry.revision);
  records_.erase(found);
  ++revision_;
  if (watchers_.empty()) return;
  erasures_[revision_] = {.key = key, .value = {}, .revision = revision_, .time = clock_.now(), .erased = true};
}

void MemoryBucket::drop_old() {
  if (config_.ttl == Duration{0}) return;
  const SteadyTime now = clock_.steady();
  while (!by_revision_.empty()) {
    const auto record = records_.find(by_revision_.begin()->second);
    if (now - record->second.written < config_.ttl) return;
    records_.erase(record);
    by_revision_.erase(by_revision_.begin());
  }
}

std::vector<KeyEntry> MemoryBucket::list(std::string_view prefix) {
  std::vector<KeyEntry> out;
  MutexLock lock(mutex_);
  drop_old();
  for (auto at = records_.lower_bound(prefix); at != records_.end() && at->first.starts_with(prefix); ++at) {
    if (key_selected(prefix, at->first)) out.push_back(at->second.entry);
  }
  return out;
}

void MemoryBucket::enter(Place& place, std::string_view prefix) {
  MutexLock lock(mutex_);
  drop_old();
  place.there_at_begin = revision_;
  const bool nothing_there = std::none_of(records_.begin(), records_.end(),
                                          [&](const auto& record) { return key_selected(prefix, record.first); });
  if (nothing_there) place.seen = revision_;
  watchers_.insert(&place);
}

void MemoryBucket::leave(Place& place) {
  MutexLock lock(mutex_);
  watchers_.erase(&place);
  forget_seen_erasures();
}

void MemoryBucket::forget_seen_erasures() {
  std::uint64_t seen_by_all = revision_;
  for (const Place* watcher : watchers_) {
    // A watcher that has not begun to follow needs no erasure of what was there before it.
    seen_by_all = std::min(seen_by_all, std::max(watcher->seen, watcher->there_at_begin));
  }
  erasures_.erase(erasures_.begin(), erasures_.upper_bound(seen_by_all));
}

std::vector<KeyEntry> MemoryBucket::collect(Place& place, std::string_view prefix) {
  std::vector<KeyEntry> out;
  for (auto at = by_revision_.upper_bound(place.seen); at != by_revision_.end(); ++at) {
    if (key_selected(prefix, at->second)) out.push_back(records_.find(at->second)->second.entry);
  }
  for (auto at = erasures_.upper_bound(std::max(place.seen, place.there_at_begin)); at != erasures_.end(); ++at) {
    const bool written_again = records_.contains(at->second.key);
    if (!written_again && key_selected(prefix, at->second.key)) out.push_back(at->second);
  }
  std::sort(out.begin(), out.end(), [](const KeyEntry& a, const KeyEntry& b) { return a.revision < b.revision; });
  place.seen = revision_;
  forget_seen_erasures();
  return out;
}

std::vector<KeyEntry> MemoryBucket::changes(Place& place, std::string_view prefix, std::chrono::milliseconds max_wait,
                                            const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const SteadyTime deadline = deadline_after(clock_, bounded_wait(max_wait));
  while (true) {
    if (stop.stop_requested()) return {};
    drop_old();
    auto found = collect(place, prefix);
    if (!found.empty() || clock_.steady() >= deadline) return found;
    clock_.wait_until(changed_, mutex_, deadline, stop);
  }
}

}  // namespace leat
