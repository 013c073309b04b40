// One bucket: its records by key, and their writes by revision.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "leat/key_value.h"

namespace leat {

// Thread-safe. Shared by the broker and all that was opened on it.
class MemoryBucket {
 public:
  MemoryBucket(BucketConfig config, Clock& clock, std::size_t max_value_bytes);

  const BucketConfig& config() const { return config_; }
  Result<std::optional<KeyEntry>> read(const std::string& key);
  std::vector<Result<std::uint64_t>> write(std::span<const KeyWrite> writes);
  std::vector<KeyEntry> list(std::string_view prefix);

  // A watcher's place: the revision that it has seen up to. Erasures that one of them has not seen are kept for it.
  struct Place {
    std::uint64_t seen = 0;
    std::uint64_t there_at_begin = 0;  // the newest revision when the watch began
  };
  void enter(Place& place, std::string_view prefix);
  void leave(Place& place);
  std::vector<KeyEntry> changes(Place& place, std::string_view prefix, std::chrono::milliseconds max_wait,
                                const std::stop_token& stop);

 private:
  struct Record {
    KeyEntry entry;
    SteadyTime written;
  };
  using Records = std::map<std::string, Record, std::less<>>;

  Result<std::uint64_t> write_one(const KeyWrite& write) LEAT_REQUIRES(mutex_);
  void store(const KeyWrite& write) LEAT_REQUIRES(mutex_);
  void erase(const std::string& key) LEAT_REQUIRES(mutex_);
  void drop_old() LEAT_REQUIRES(mutex_);
  void forget_seen_erasures() LEAT_REQUIRES(mutex_);
  std::vector<KeyEntry> collect(Place& place, std::string_view prefix) LEAT_REQUIRES(mutex_);

  const BucketConfig config_;
  Clock& clock_;
  const std::size_t max_value_bytes_;

  Mutex mutex_;
  CondVar changed_;
  std::uint64_t revision_ LEAT_GUARDED_BY(mutex_) = 0;
  Records records_ LEAT_GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::string> by_revision_ LEAT_GUARDED_BY(mutex_);  // the last write of each record
  std::map<std::uint64_t, KeyEntry> erasures_ LEAT_GUARDED_BY(mutex_);        // that a watcher has not seen yet
  std::set<Place*> watchers_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
