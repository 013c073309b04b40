#include <algorithm>

#include "clickhouse/statement_text.h"
#include "core/mutex.h"
#include "core/text.h"
#include "leat/clickhouse.h"

namespace leat {
namespace {

// A value of TabSeparated; nothing for NULL.
std::optional<std::string> unescaped(std::string_view text) {
  if (text == "\\N") return std::nullopt;
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    constexpr std::string_view kLetters = "bfrnt0a v";
    constexpr std::string_view kMeanings("\b\f\r\n\t\0\a \v", 9);
    const std::size_t known = kLetters.find(text[++i]);
    out += known == kLetters.npos ? text[i] : kMeanings[known];
  }
  return out;
}

template <class Each>
void split(std::string_view text, char separator, Each each) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    each(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

Result<TableColumn> column_of(const ClickHouseRow& row, std::string_view table) {
  if (row.size() < 3 || !row[0] || !row[1]) return Error(ErrorCode::kInternal, "DESCRIBE TABLE answers unexpectedly");
  auto type = parse_column_type(*row[1]);
  if (!type) {
    return Error(type.error().code(),
                 "column " + *row[0] + " of table " + std::string(table) + ": " + type.error().message());
  }
  const std::string kind = row[2].value_or("");
  using enum TableColumn::Default;
  const auto default_is = kind.empty() ? kNone : kind == "DEFAULT" ? kExpression : kNotInsertable;
  return TableColumn{*row[0], std::move(*type), default_is};
}

// "... SETTINGS index_granularity = 8192, non_replicated_deduplication_window = 100". One name may be another's end.
std::optional<std::uint64_t> setting_in(std::string_view engine_full, const std::string& name) {
  const std::string sign = " " + name + " = ";
  const std::size_t at = engine_full.find(sign);
  if (at == engine_full.npos) return std::nullopt;
  const std::string_view rest = engine_full.substr(at + sign.size());
  return parse_number(rest.substr(0, rest.find_first_not_of("0123456789")));
}

// The table's own setting, else what the server has for all.
Result<std::uint64_t> deduplication_window(ClickHouse& engine, const TableDescription& table) {
  if (table.engine.find("MergeTree") == table.engine.npos) return std::uint64_t{0};
  const bool replicated = table.engine.starts_with("Replicated") || table.engine.starts_with("Shared");
  const std::string name = replicated ? "replicated_deduplication_window" : "non_replicated_deduplication_window";
  if (const auto own = setting_in(table.engine_full, name)) return *own;
  const std::string all = replicated ? "system.replicated_merge_tree_settings" : "system.merge_tree_settings";
  const auto rows = query_rows(engine, "SELECT value FROM " + all + " WHERE name = " + quote_literal(name));
  if (!rows) return rows.error();
  if (rows->empty() || rows->front().empty()) return std::uint64_t{0};
  return parse_number(rows->front().front().value_or("")).value_or(0);
}

Result<void> fill_engine(ClickHouse& engine, TableDescription& table) {
  const std::size_t dot = table.name.find('.');
  const bool qualified = dot != table.name.npos;
  const std::string database = qualified ? quote_literal(table.name.substr(0, dot)) : "currentDatabase()";
  const std::string name = quote_literal(qualified ? table.name.substr(dot + 1) : table.name);
  // Early servers tell the engine alone.
  const bool full = engine.facts().major >= 19;
  const auto rows = query_rows(engine, "SELECT engine, " + std::string(full ? "engine_full" : "''") +
                                           " FROM system.tables WHERE database = " + database + " AND name = " + name);
  if (!rows) return rows.error();
  if (rows->empty() || rows->front().size() != 2) return Error(ErrorCode::kNotFound, "there is no table " + table.name);
  table.engine = rows->front()[0].value_or("");
  table.engine_full = rows->front()[1].value_or("");
  return {};
}

}  // namespace

Result<std::vector<ClickHouseRow>> query_rows(ClickHouse& engine, std::string_view sql, const QueryOptions& options) {
  auto text = engine.query(std::string(sql) + " FORMAT TabSeparated", options);
  if (!text) return text.error();
  std::vector<ClickHouseRow> rows;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    split(rest.substr(0, end), '\t',
          [&row = rows.emplace_back()](std::string_view value) { row.push_back(unescaped(value)); });
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return rows;
}

Result<TableDescription> describe_table(ClickHouse& engine, std::string_view table) {
  const auto name = quoted_table(table);
  if (!name) return name.error();
  const auto rows = query_rows(engine, "DESCRIBE TABLE " + *name);
  if (!rows) return rows.error();
  TableDescription description{std::string(table), {}, "", "", 0};
  for (const ClickHouseRow& row : *rows) {
    auto column = column_of(row, table);
    if (!column) return column.error();
    description.columns.push_back(std::move(*column));
  }
  if (auto filled = fill_engine(engine, description); !filled) return filled.error();
  const auto window = engine.facts().tokens ? deduplication_window(engine, description) : std::uint64_t{0};
  if (!window) return window.error();
  description.deduplication_window = *window;
  return description;
}

Result<bool> wait_until_ended(ClickHouse& engine, std::string_view query_id, Clock& clock, SteadyTime deadline,
                              std::stop_token stop) {
  Duration pause = std::chrono::milliseconds(10);
  while (true) {
    const auto running = engine.is_running(query_id);
    if (!running) return running.error();
    if (!*running) return true;
    const Duration left = deadline - clock.steady();
    if (left <= Duration::zero() || !sleep_for(clock, std::min(pause, left), stop)) return false;
    pause = std::min<Duration>(pause * 2, std::chrono::seconds(1));
  }
}

}  // namespace leat
