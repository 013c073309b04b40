#include "broker/sqlite/sqlite_key_value.h"

#include <utility>

#include "broker/config_checks.h"
#include "broker/key_write_checks.h"
#include "broker/sqlite/schema.h"
#include "broker/sqlite/sqlite_watch.h"

namespace leat::sqlite {

Result<std::unique_ptr<KeyValue>> SqliteKeyValue::open(Store& store, const BucketConfig& config) {
  if (auto valid = check_bucket_config(config); !valid) return valid.error();
  std::int64_t id = 0;
  Duration ttl{0};
  auto opened = store.write(Durability::kCommitted, [&](Transaction& transaction) {
    if (transaction.catalog.find_bucket(config.name) == nullptr) transaction.catalog.create_bucket(config);
    const BucketState& bucket = transaction.catalog.bucket(config.name);
    id = bucket.id;
    ttl = bucket.ttl;
  });
  if (!opened) return opened.error();
  return std::unique_ptr<KeyValue>(new SqliteKeyValue(store, config, id, ttl));
}

SqliteKeyValue::SqliteKeyValue(Store& store, const BucketConfig& config, std::int64_t id, Duration ttl)
    : store_(store), name_(config.name), id_(id), ttl_(ttl), drift_(compare_buckets(config, ttl)) {}

std::optional<KeyEntry> SqliteKeyValue::find(Database& database, const std::string& key) const {
  Rows row = database
                 .statement("SELECT " + std::string(kRecordColumns) + " FROM " + records_table(id_) +
                            " WHERE key = ? AND erased = 0")
                 .query(key);
  if (!row.next() || is_record_expired(row.integer(2), ttl_, store_.clock().now())) return std::nullopt;
  return entry_of(row);
}

std::vector<Result<std::optional<KeyEntry>>> SqliteKeyValue::read(std::span<const std::string> keys) {
  using Found = std::vector<Result<std::optional<KeyEntry>>>;
  auto found = store_.reads().read([&](Database& database) {
    Found results;
    results.reserve(keys.size());
    for (const std::string& key : keys) {
      const auto valid = check_key(key);
      results.push_back(valid ? Result<std::optional<KeyEntry>>(find(database, key)) : valid.error());
    }
    return results;
  });
  return found ? *std::move(found) : Found(keys.size(), found.error());
}

std::vector<Result<std::uint64_t>> SqliteKeyValue::write(std::span<const KeyWrite> writes) {
  std::vector<Result<std::uint64_t>> results;
  auto done = store_.write(Durability::kCommitted, [&](Transaction& transaction) {
    results.clear();
    BucketState& bucket = transaction.catalog.bucket(name_);
    RecordStore records(transaction, bucket, store_.clock().now());
    for (const KeyWrite& write : writes) {
      const auto valid = check_key_write(write, kMaxMessageBytes);
      results.push_back(valid ? records.write(write) : valid.error());
    }
    records.sweep();
    transaction.wake(bucket.topic);
  });
  if (!done) return std::vector<Result<std::uint64_t>>(writes.size(), done.error());
  return results;
}

Result<std::vector<KeyEntry>> SqliteKeyValue::list(std::string_view prefix) {
  return store_.reads().read([&](Database& database) {
    std::vector<KeyEntry> entries;
    if (prefix.empty()) {
      collect(database, "", "\x7f", entries);
      return entries;
    }
    if (auto entry = find(database, std::string(prefix))) entries.push_back(*std::move(entry));
    // Everything below a prefix stands between "prefix." and "prefix/", the next character.
    collect(database, std::string(prefix) + '.', std::string(prefix) + '/', entries);
    return entries;
  });
}

// The records from the key `low` up to, not including, `high`.
void SqliteKeyValue::collect(Database& database, const std::string& low, const std::string& high,
                             std::vector<KeyEntry>& entries) const {
  const SystemTime now = store_.clock().now();
  Rows row = database
                 .statement("SELECT " + std::string(kRecordColumns) + " FROM " + records_table(id_) +
                            " WHERE erased = 0 AND key >= ? AND key < ? ORDER BY key")
                 .query(low, high);
  while (row.next()) {
    if (!is_record_expired(row.integer(2), ttl_, now)) entries.push_back(entry_of(row));
  }
}

Result<std::unique_ptr<KeyWatch>> SqliteKeyValue::watch(std::string_view prefix) {
  return SqliteWatch::open(store_, {.name = name_, .id = id_, .ttl = ttl_, .prefix = std::string(prefix)});
}

}  // namespace leat::sqlite
