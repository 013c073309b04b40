#include "broker/sqlite/record_store.h"

#include "broker/key_write_checks.h"
#include "broker/sqlite/schema.h"

namespace leat::sqlite {
namespace {

constexpr std::uint64_t kMostTombstones = 1'024;
constexpr std::uint64_t kRecordPortion = 64;

}  // namespace

RecordStore::RecordStore(Transaction& transaction, BucketState& bucket, SystemTime now)
    : transaction_(transaction), bucket_(bucket), now_(now), records_(records_table(bucket.id)) {}

Statement& RecordStore::sql(std::string_view before, std::string_view after) {
  std::string text(before);
  text += records_;
  text += after;
  return transaction_.database.statement(text);
}

std::optional<RecordStore::Existing> RecordStore::find(std::string_view key) {
  Rows row = sql("SELECT revision, time, erased FROM ", " WHERE key = ?").query(key);
  if (!row.next()) return std::nullopt;
  return Existing{.revision = row.number(0),
                  .erased = row.integer(2) != 0,
                  .expired = is_record_expired(row.integer(1), bucket_.ttl, now_)};
}

Result<std::uint64_t> RecordStore::write(const KeyWrite& write) {
  const std::optional<Existing> existing = find(write.key);
  const std::uint64_t actual = existing && existing->is_there() ? existing->revision : 0;
  if (auto wanted = check_revision(write, bucket_.name, actual); !wanted) return wanted.error();
  const bool nothing_to_erase = write.kind == KeyWrite::Kind::kErase && actual == 0;
  if (!nothing_to_erase) put(write, existing);
  return bucket_.revision;
}

void RecordStore::put(const KeyWrite& write, const std::optional<Existing>& existing) {
  const bool erases = write.kind == KeyWrite::Kind::kErase;
  if (existing) sql("DELETE FROM ", " WHERE revision = ?").run(existing->revision);
  if (existing && existing->erased) --bucket_.tombstones;
  if (erases) ++bucket_.tombstones;
  const std::string_view value = erases ? std::string_view{} : std::string_view(write.value);
  sql("INSERT INTO ", "(revision, key, time, erased, value) VALUES(?, ?, ?, ?, ?)")
      .run(++bucket_.revision, write.key, to_stored(now_), erases, Blob{value});
  bucket_.changed = true;
}

void RecordStore::sweep() {
  sweep_expired();
  sweep_tombstones();
}

// Records are in the order of their last write, so the expired ones come first. A tombstone ends the walk in vain only
// until it is past the ttl itself.
void RecordStore::sweep_expired() {
  if (bucket_.ttl == Duration{0}) return;
  std::vector<std::pair<std::uint64_t, bool>> expired;
  {
    Rows row = sql("SELECT revision, time, erased FROM ", " ORDER BY revision LIMIT ?").query(kRecordPortion);
    while (row.next() && is_record_expired(row.integer(1), bucket_.ttl, now_)) {
      expired.emplace_back(row.number(0), row.integer(2) != 0);
    }
  }
  for (const auto& [revision, erased] : expired) {
    sql("DELETE FROM ", " WHERE revision = ?").run(revision);
    if (!erased) continue;
    --bucket_.tombstones;
    bucket_.pruned = std::max(bucket_.pruned, revision);
    bucket_.changed = true;
  }
}

void RecordStore::sweep_tombstones() {
  if (bucket_.tombstones <= kMostTombstones) return;
  std::vector<std::uint64_t> oldest;
  {
    Rows row = sql("SELECT revision FROM ", " WHERE erased = 1 ORDER BY revision LIMIT ?").query(kRecordPortion);
    while (row.next()) oldest.push_back(row.number(0));
  }
  for (const std::uint64_t revision : oldest) sql("DELETE FROM ", " WHERE revision = ?").run(revision);
  bucket_.tombstones -= oldest.size();
  if (!oldest.empty()) bucket_.pruned = std::max(bucket_.pruned, oldest.back());
  bucket_.changed = true;
}

KeyEntry entry_of(const Rows& row) {
  return {.key = row.string(1),
          .value = row.string(4),
          .revision = row.number(0),
          .time = from_stored(row.integer(2)),
          .erased = row.integer(3) != 0};
}

bool is_record_expired(std::int64_t time, Duration ttl, SystemTime now) {
  return ttl > Duration{0} && to_stored(now) - time >= ttl.count();
}

}  // namespace leat::sqlite
