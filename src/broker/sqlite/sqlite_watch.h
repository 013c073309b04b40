// Follows a bucket of the file, also through what other processes write.
#pragma once

#include <map>
#include <string>

#include "broker/sqlite/store.h"

namespace leat::sqlite {

class SqliteWatch : public KeyWatch {
 public:
  struct Selection {
    std::string name;
    std::int64_t id = 0;
    Duration ttl{0};
    std::string prefix;
  };

  static Result<std::unique_ptr<KeyWatch>> open(Store& store, Selection selection);

  Result<std::vector<KeyEntry>> next(std::chrono::milliseconds max_wait, std::stop_token stop) override;
  bool caught_up() const override { return position_ >= there_at_begin_; }

 private:
  struct Numbers {
    std::uint64_t revision = 0;
    std::uint64_t pruned = 0;
  };

  SqliteWatch(Store& store, Selection selection);

  static Numbers read_numbers(Database& database, const Selection& selection);
  static std::uint64_t last_there(Database& database, const Selection& selection, SystemTime now);

  std::vector<KeyEntry> collect(Database& database);
  void collect_changes(Database& database, std::uint64_t revision, std::vector<KeyEntry>& out);
  void collect_lost_erasures(Database& database, const Numbers& numbers, std::vector<KeyEntry>& out);
  void remember(const KeyEntry& entry);

  Store& store_;
  const Selection selection_;
  const std::size_t topic_;
  std::uint64_t there_at_begin_ = 0;                      // the revision up to which records were there, not changed
  std::uint64_t begin_ = 0;                               // the bucket's revision when the watch began
  std::uint64_t position_ = 0;                            // the last revision that was returned or passed over
  std::map<std::string, SystemTime, std::less<>> known_;  // what was returned and not erased, with its time
};

}  // namespace leat::sqlite
