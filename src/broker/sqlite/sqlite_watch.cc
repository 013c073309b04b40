#include "broker/sqlite/sqlite_watch.h"

#include <algorithm>
#include <utility>

#include "broker/config_checks.h"
#include "broker/sqlite/record_store.h"
#include "broker/sqlite/schema.h"

namespace leat::sqlite {
namespace {

constexpr std::size_t kWatchPortion = 256;

}  // namespace

Result<std::unique_ptr<KeyWatch>> SqliteWatch::open(Store& store, Selection selection) {
  std::unique_ptr<SqliteWatch> watch(new SqliteWatch(store, std::move(selection)));
  auto begin = store.reads().read([&](Database& database) {
    watch->begin_ = read_numbers(database, watch->selection_).revision;
    watch->there_at_begin_ = last_there(database, watch->selection_, store.clock().now());
    return true;
  });
  if (!begin) return begin.error();
  if (watch->there_at_begin_ == 0) watch->position_ = watch->begin_;
  return watch;
}

SqliteWatch::SqliteWatch(Store& store, Selection selection)
    : store_(store), selection_(std::move(selection)), topic_(Wake::topic_of("bucket", selection_.name)) {}

SqliteWatch::Numbers SqliteWatch::read_numbers(Database& database, const Selection& selection) {
  Rows row = database.statement("SELECT revision, pruned FROM buckets WHERE id = ?").query(selection.id);
  if (!row.next()) throw_not_found("bucket", selection.name);
  return {.revision = row.number(0), .pruned = row.number(1)};
}

std::uint64_t SqliteWatch::last_there(Database& database, const Selection& selection, SystemTime now) {
  Rows row = database
                 .statement("SELECT revision, time, key FROM " + records_table(selection.id) +
                            " WHERE erased = 0 ORDER BY revision DESC")
                 .query();
  while (row.next()) {
    const bool there = !is_record_expired(row.integer(1), selection.ttl, now);
    if (there && key_selected(selection.prefix, row.bytes(2))) return row.number(0);
  }
  return 0;
}

Result<std::vector<KeyEntry>> SqliteWatch::next(std::chrono::milliseconds max_wait, std::stop_token stop) {
  const SteadyTime deadline = deadline_after(store_.clock(), bounded_wait(max_wait));
  while (!stop.stop_requested()) {
    const std::uint32_t seen = store_.wake().version(topic_);
    const bool was_caught_up = caught_up();
    auto found = store_.reads().read([&](Database& database) { return collect(database); });
    const bool just_caught_up = found && caught_up() && !was_caught_up;
    if (!found || !found->empty() || just_caught_up || store_.clock().steady() >= deadline) return found;
    store_.wait(topic_, seen, deadline, stop);
  }
  return std::vector<KeyEntry>{};
}

std::vector<KeyEntry> SqliteWatch::collect(Database& database) {
  std::vector<KeyEntry> out;
  const Numbers numbers = read_numbers(database, selection_);
  if (numbers.pruned > position_) collect_lost_erasures(database, numbers, out);
  if (numbers.revision > position_) collect_changes(database, numbers.revision, out);
  for (const KeyEntry& entry : out) remember(entry);
  return out;
}

void SqliteWatch::collect_changes(Database& database, std::uint64_t revision, std::vector<KeyEntry>& out) {
  const SystemTime now = store_.clock().now();
  Rows row = database
                 .statement("SELECT " + std::string(kRecordColumns) + " FROM " + records_table(selection_.id) +
                            " WHERE revision > ? ORDER BY revision")
                 .query(position_);
  while (row.next()) {
    if (out.size() >= kWatchPortion) return;
    position_ = row.number(0);
    if (!key_selected(selection_.prefix, row.bytes(1))) continue;
    const bool erased = row.integer(3) != 0;
    if (erased ? position_ > begin_ : !is_record_expired(row.integer(2), selection_.ttl, now)) {
      out.push_back(entry_of(row));
    }
  }
  position_ = revision;
}

// Tombstones that this watch had not seen yet are gone: what it knows and what is not there any more was erased.
void SqliteWatch::collect_lost_erasures(Database& database, const Numbers& numbers, std::vector<KeyEntry>& out) {
  const SystemTime now = store_.clock().now();
  for (const auto& [key, time] : known_) {
    if (is_record_expired(to_stored(time), selection_.ttl, now)) continue;
    Rows row = database.statement("SELECT 1 FROM " + records_table(selection_.id) + " WHERE key = ?").query(key);
    if (row.next()) continue;
    out.push_back({.key = key, .value = {}, .revision = numbers.pruned, .time = now, .erased = true});
  }
}

void SqliteWatch::remember(const KeyEntry& entry) {
  if (entry.erased) {
    known_.erase(entry.key);
  } else {
    known_[entry.key] = entry.time;
  }
}

}  // namespace leat::sqlite
