#include "clickhouse/statement_text.h"

#include <algorithm>

#include "core/text.h"

namespace leat {
namespace {

std::string escaped(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  return out + quote;
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

constexpr unsigned kJsonAsStringSince = 2408;  // 24.8, the first with the JSON type

}  // namespace

std::string quote_literal(std::string_view text) {
  return escaped(text, '\'');
}

std::string quote_name(std::string_view name) {
  return escaped(name, '`');
}

Result<std::string> quoted_table(std::string_view table) {
  const std::size_t dot = table.find('.');
  const std::string_view first = table.substr(0, dot);
  const std::string_view second = dot == table.npos ? std::string_view{} : table.substr(dot + 1);
  if (!is_name(first) || (dot != table.npos && !is_name(second))) {
    return Error(ErrorCode::kInvalidArgument, "\"" + std::string(table.substr(0, 100)) +
                                                  "\" is no table: expected name or database.name, of letters, "
                                                  "digits and `_`");
  }
  return dot == table.npos ? quote_name(first) : quote_name(first) + "." + quote_name(second);
}

Result<std::string> insert_statement(const InsertRequest& request) {
  auto table = quoted_table(request.table);
  if (!table) return table;
  std::string sql = "INSERT INTO " + *table;
  for (std::size_t i = 0; i < request.columns.size(); ++i) {
    sql += i == 0 ? " (" : ", ";
    sql += quote_name(request.columns[i]);
  }
  return sql + (request.columns.empty() ? "" : ")") + " FORMAT RowBinary";
}

Result<ClickHouseSettings> insert_settings(const InsertRequest& request, const ClickHouseFacts& facts) {
  if (!request.token.empty() && !facts.tokens) {
    return Error(ErrorCode::kInvalidArgument,
                 "ClickHouse " + facts.version + " knows no insert_deduplication_token: it takes 22.2 or later");
  }
  ClickHouseSettings settings = request.settings;
  if (facts.major >= 22) settings.emplace_back("async_insert", "0");
  if (facts.major * 100 + facts.minor >= kJsonAsStringSince) {
    settings.emplace_back("input_format_binary_read_json_as_string", "1");
  }
  if (!request.token.empty()) settings.emplace_back("insert_deduplication_token", request.token);
  return settings;
}

void fill_version(ClickHouseFacts& facts, const std::string& version) {
  const std::size_t dot = std::min(version.find('.'), version.size());
  const std::string rest = version.substr(std::min(dot + 1, version.size()));
  facts.version = version;
  facts.major = static_cast<unsigned>(parse_number(version.substr(0, dot)).value_or(0));
  facts.minor = static_cast<unsigned>(parse_number(rest.substr(0, rest.find('.'))).value_or(0));
}

}  // namespace leat
