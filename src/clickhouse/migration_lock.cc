#include "clickhouse/migration_lock.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/mutex.h"
#include "core/text.h"
#include "core/ulid.h"

namespace leat {
namespace {

constexpr std::string_view kTable = "leat_migrations_lock";

std::string successor_of(const std::string& owner) {
  std::string table(kTable);
  return table.append("_after_").append(owner, 0, owner.find(' '));
}

// An id, and who that is for people.
std::string own_name(Clock& clock) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return lower_case(make_ulid(clock.now())) + " pid " + std::to_string(getpid()) + " on " + host.data();
}

// The text of a literal as DESCRIBE gives a default expression: 'it\'s'.
std::string unquoted(const std::string& expression) {
  const std::size_t begin = expression.find('\'');
  const std::size_t end = expression.rfind('\'');
  return begin == expression.npos || begin == end ? expression : expression.substr(begin + 1, end - begin - 1);
}

struct Holder {
  std::string owner;
  std::string table;
};

// Who made this table; nobody when it is not there.
Result<std::optional<std::string>> owner_of(ClickHouse& engine, const std::string& table,
                                            const std::stop_token& stop = {}) {
  const auto rows = query_rows(engine, "DESCRIBE TABLE " + table, {.stop = stop});
  if (!rows && rows.error().code() == ErrorCode::kNotFound) return std::optional<std::string>();
  if (!rows) return rows.error();
  if (rows->empty() || rows->front().size() < 4) return Error(ErrorCode::kInternal, "table " + table + " is not ours");
  return std::optional(unquoted(rows->front()[3].value_or("")));
}

// The end of the chain; nobody when the lock is free.
Result<std::optional<Holder>> find_holder(ClickHouse& engine, const std::stop_token& stop = {}) {
  std::optional<Holder> holder;
  for (std::string table(kTable);;) {
    auto owner = owner_of(engine, table, stop);
    if (!owner) return owner.error();
    if (!*owner) return holder;
    holder = Holder{**owner, table};
    table = successor_of(holder->owner);
  }
}

// False when somebody else has made it.
Result<bool> create(ClickHouse& engine, const std::string& table, const std::string& owner) {
  const auto created =
      engine.execute("CREATE TABLE " + table + " (owner String DEFAULT " + quote_literal(owner) + ") ENGINE = Memory");
  if (created) return true;
  if (created.error().code() == ErrorCode::kConflict) return false;
  return created.error();
}

Result<std::string> signs_of_life(ClickHouse& engine, const Holder& holder, const std::stop_token& stop) {
  auto count = engine.query("SELECT count() FROM " + holder.table, {.stop = stop});
  if (!count && count.error().code() == ErrorCode::kNotFound) return std::string("gone");
  return count;
}

// What a waiting runner has seen of the holder, and since when it is the same.
struct Observation {
  std::string owner;
  std::string signs;
  SteadyTime since{};
};

}  // namespace

Result<std::unique_ptr<MigrationLock>> MigrationLock::acquire(ClickHouse& engine, const MigrationLockOptions& options,
                                                              const std::stop_token& stop) {
  const std::string own = own_name(options.clock);
  const SteadyTime deadline = deadline_after(options.clock, options.wait);
  Observation seen;
  while (true) {
    const auto holder = find_holder(engine, stop);
    if (stop.stop_requested()) return std::unique_ptr<MigrationLock>();
    if (!holder) return holder.error();
    const SteadyTime now = options.clock.steady();
    std::string table(kTable);
    bool may_create = !*holder;
    if (*holder) {
      const auto signs = signs_of_life(engine, **holder, stop);
      if (stop.stop_requested()) return std::unique_ptr<MigrationLock>();
      if (!signs) return signs.error();
      if (seen.owner != (*holder)->owner) {
        options.log.info("waits for another runner of migrations", {{"owner", (*holder)->owner}});
      }
      if (seen.owner != (*holder)->owner || seen.signs != *signs) seen = {(*holder)->owner, *signs, now};
      may_create = now - seen.since >= options.ttl;
      table = successor_of(seen.owner);
      if (may_create) options.log.warn("taking the lock of a runner that is gone", {{"owner", seen.owner}});
    }
    if (may_create) {
      const auto created = create(engine, table, own);
      if (!created) return created.error();
      auto lock = std::unique_ptr<MigrationLock>(*created ? new MigrationLock(engine, options, own, table) : nullptr);
      // The owner seen as dead may have let go meanwhile, and another one begun: then this table means nothing.
      if (lock && lock->check()) return lock;
    }
    if (*holder && now >= deadline) {
      return Error(ErrorCode::kConflict, "migrations are run by " + seen.owner.substr(seen.owner.find(' ') + 1) +
                                             " just now; if that one is gone, its lock ends " +
                                             format_duration(options.ttl) + " after its last sign of life: try again");
    }
    if (!sleep_for(options.clock, std::chrono::milliseconds(100), stop)) return std::unique_ptr<MigrationLock>();
  }
}

MigrationLock::MigrationLock(ClickHouse& engine, const MigrationLockOptions& options, std::string owner,
                             std::string table)
    : engine_(engine), options_(options), owner_(std::move(owner)), table_(std::move(table)) {
  keeper_ = start_thread("migration-lock", [this](const std::stop_token& stop) { keep_alive(stop); });
}

void MigrationLock::keep_alive(const std::stop_token& stop) const {
  while (sleep_for(options_.clock, options_.ttl / 4, stop)) {
    const auto signed_on = engine_.execute("INSERT INTO " + table_ + " VALUES ('')");
    if (!signed_on) options_.log.warn("no sign of life to the lock", {{"error", signed_on.error().message()}});
  }
}

Result<void> MigrationLock::check() const {
  const auto holder = find_holder(engine_);
  if (!holder) return holder.error();
  if (*holder && (*holder)->owner == owner_) return {};
  return Error(ErrorCode::kConflict, "another runner has taken over, because this one gave no sign of life for " +
                                         format_duration(options_.ttl));
}

// From the root on: when it is gone, nobody follows the chain behind it. Who was taken over drops nothing that is part
// of the chain: it is the new owner's.
MigrationLock::~MigrationLock() {
  keeper_.request_stop();
  if (keeper_.joinable()) keeper_.join();
  std::vector<std::string> chain;
  std::string last;
  for (std::string table(kTable);;) {
    const auto owner = owner_of(engine_, table);
    if (!owner) return;
    if (!*owner) break;
    chain.push_back(table);
    last = **owner;
    table = successor_of(last);
  }
  const bool linked = std::find(chain.begin(), chain.end(), table_) != chain.end();
  if (!linked) chain = {table_};
  if (linked && last != owner_) chain.clear();
  for (const std::string& table : chain) static_cast<void>(engine_.execute("DROP TABLE IF EXISTS " + table));
}

}  // namespace leat
