// The records of one bucket inside one transaction.
//
// A record is stored under the revision of its last write, so that a watch is a walk over the revisions. An erased one
// stays as a tombstone for the watches, until there are too many.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/sqlite/write_queue.h"
#include "leat/key_value.h"

namespace leat::sqlite {

// Lives as long as the Write that made it. Everything throws DatabaseError.
class RecordStore {
 public:
  RecordStore(Transaction& transaction, BucketState& bucket, SystemTime now);

  // The write is valid. Errors: kConflict.
  Result<std::uint64_t> write(const KeyWrite& write);
  // Removes a portion of the records that are past their ttl, and of the oldest tombstones.
  void sweep();

 private:
  struct Existing {
    std::uint64_t revision = 0;
    bool erased = false;
    bool expired = false;

    bool is_there() const { return !erased && !expired; }
  };

  Statement& sql(std::string_view before, std::string_view after);
  std::optional<Existing> find(std::string_view key);
  void put(const KeyWrite& write, const std::optional<Existing>& existing);
  void sweep_expired();
  void sweep_tombstones();

  Transaction& transaction_;
  BucketState& bucket_;
  const SystemTime now_;
  const std::string records_;
};

// From a row of revision, key, time, erased, value.
constexpr std::string_view kRecordColumns = "revision, key, time, erased, value";
KeyEntry entry_of(const Rows& row);
bool is_record_expired(std::int64_t time, Duration ttl, SystemTime now);

}  // namespace leat::sqlite
