#include "pipeline/clickhouse/table_check.h"

namespace leat {
namespace {

// One insert takes an entry for each partition that it goes to: max_partitions_per_insert_block.
constexpr std::uint64_t kLeastWindow = 100;

std::string fingerprint_of(const RowEncoder& encoder) {
  std::string text = encoder.table() + " (";
  for (const TableColumn& column : encoder.columns()) text += column.name + " " + column.type.text + ", ";
  // FNV-1a: it is compared, and only told apart from what a changed mapping has.
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return std::to_string(hash);
}

std::string remedy_for(const ClickHouseFacts& facts, const TableDescription& table) {
  if (!facts.tokens) {
    return "ClickHouse " + facts.version + " knows no tokens of inserts; 22.2 and later do";
  }
  if (table.engine.find("MergeTree") == table.engine.npos) {
    return "a table of the engine " + table.engine + " remembers no inserts: use one of the MergeTree family";
  }
  const bool replicated = table.engine.starts_with("Replicated") || table.engine.starts_with("Shared");
  const std::uint64_t window = table.deduplication_window;
  return std::string("ALTER TABLE ") + table.name + " MODIFY SETTING " +
         (replicated ? "replicated_deduplication_window" : "non_replicated_deduplication_window") + " = 1000" +
         (window == 0 ? ""
                      : " (it is " + std::to_string(window) + ", and one insert takes up to " +
                            std::to_string(kLeastWindow) + ": one for each partition)");
}

Result<void> check_columns(const RowEncoder& encoder, const TableDescription& table) {
  const auto now = RowEncoder::open(table, encoder.column_names());
  if (!now) return now.error().with_context("the mapping does not fit table " + table.name);
  for (std::size_t i = 0; i < encoder.columns().size(); ++i) {
    const TableColumn& then = encoder.columns()[i];
    if (then.type.text == now->columns()[i].type.text) continue;
    return Error(ErrorCode::kInvalidArgument, "column " + then.name + " of table " + table.name + " is " +
                                                  now->columns()[i].type.text + ", and the mapping was made for " +
                                                  then.type.text + ": make the mapping again");
  }
  return {};
}

}  // namespace

Result<TableFacts> check_table(ClickHouse& engine, const RowEncoder& encoder) {
  const auto table = describe_table(engine, encoder.table());
  if (!table) return table.error();
  if (auto fits = check_columns(encoder, *table); !fits) return fits.error();
  TableFacts facts{.exactly_once = engine.facts().tokens && table->deduplication_window >= kLeastWindow,
                   .fingerprint = fingerprint_of(encoder)};
  if (!facts.exactly_once) facts.remedy = remedy_for(engine.facts(), *table);
  return facts;
}

}  // namespace leat
