// What a ClickHouse server, a migration file and a row of JSON may hold: nothing crashes, and what is taken is whole.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "clickhouse/server_error.h"
#include "leat/migrations.h"
#include "leat/rows.h"

namespace {

void check(bool right) {
  if (!right) std::abort();
}

void fuzz_type(std::string_view text, std::string_view row) {
  const auto type = leat::parse_column_type(text);
  if (!type) return;
  // What the type calls itself is the same type.
  const auto again = leat::parse_column_type(type->text);
  check(again && again->text == type->text && again->kind == type->kind);
  const leat::TableDescription table{"t", {{"c", *type}}, "MergeTree"};
  const auto encoder = leat::RowEncoder::open(table);
  leat::RowBatch batch;
  using Encoder = leat::RowEncoder;
  const auto taken = encoder->encode_json(batch, row, {Encoder::Missing::kZero, Encoder::Unknown::kIgnored});
  check(batch.size() == (taken ? 1 : 0) && (taken || batch.bytes() == 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  fuzz_type(text.substr(0, line), line == text.npos ? "{}" : text.substr(line + 1));
  static_cast<void>(leat::error_in_answer(text));
  static_cast<void>(leat::parse_server_error(text));
  if (const auto file = leat::parse_migration("1_fuzz.sql", text)) check(!file->up.empty());
  return 0;
}
