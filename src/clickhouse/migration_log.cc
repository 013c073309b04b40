#include "clickhouse/migration_log.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 4> kSteps{"up_begun", "applied", "down_begun", "reverted"};

Result<MigrationRecord> record_of(const ClickHouseRow& row) {
  const auto version = row.size() == 6 ? parse_number(row[1].value_or("")) : std::nullopt;
  const auto step = row.size() == 6 ? std::find(kSteps.begin(), kSteps.end(), row[4].value_or("")) : kSteps.end();
  if (!version || step == kSteps.end()) {
    return Error(ErrorCode::kCorrupt, "table leat_migrations holds what leat did not write");
  }
  const auto at = from_rfc3339(row[5].value_or(""));
  return MigrationRecord{*version, row[2].value_or(""), row[3].value_or(""),
                         static_cast<MigrationRecord::Step>(step - kSteps.begin()), at.value_or(SystemTime{})};
}

}  // namespace

Result<std::map<std::uint64_t, MigrationRecord>> MigrationLog::read(const std::stop_token& stop) {
  auto made = engine_.execute(
      "CREATE TABLE IF NOT EXISTS leat_migrations (number UInt64, version UInt64, description String, checksum String, "
      "step String, at String) ENGINE = MergeTree ORDER BY number",
      {.stop = stop});
  if (!made) return made.error();
  const auto rows = query_rows(
      engine_, "SELECT number, version, description, checksum, step, at FROM leat_migrations ORDER BY number",
      {.stop = stop});
  if (!rows) return rows.error();
  std::map<std::uint64_t, MigrationRecord> last;
  for (const ClickHouseRow& row : *rows) {
    auto record = record_of(row);
    if (!record) return record.error();
    next_ = parse_number(row[0].value_or("")).value_or(0) + 1;
    last.insert_or_assign(record->version, std::move(*record));
  }
  return last;
}

Result<void> MigrationLog::put(const MigrationRecord& record) {
  const std::string values = std::to_string(next_) + ", " + std::to_string(record.version) + ", " +
                             quote_literal(record.description) + ", " + quote_literal(record.checksum) + ", " +
                             quote_literal(kSteps[static_cast<std::size_t>(record.step)]) + ", " +
                             quote_literal(to_rfc3339(clock_.now()));
  ClickHouseSettings settings;
  if (engine_.facts().major >= 22) settings = {{"async_insert", "0"}};
  auto put = engine_.execute("INSERT INTO leat_migrations VALUES (" + values + ")", {.settings = settings});
  if (put) ++next_;
  return put;
}

}  // namespace leat
