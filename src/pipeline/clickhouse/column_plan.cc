#include "pipeline/clickhouse/column_plan.h"

#include <algorithm>

#include "clickhouse/json_value.h"
#include "core/nearest_name.h"

namespace leat {
namespace {

bool insertable(const TableColumn& column) {
  return column.default_is != TableColumn::Default::kNotInsertable;
}

// A computed column is left to RowEncoder, which says what to do about it.
Result<void> check_names(const TableDescription& table, const MappingOptions& options) {
  std::vector<std::string> names;
  for (const TableColumn& column : table.columns) names.push_back(column.name);
  for (const auto& [name, source] : options.columns) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const auto nearest = nearest_name(name, names);
    return Error(ErrorCode::kInvalidArgument, "table " + table.name + " has no column " + name +
                                                  (nearest ? ": did you mean " + *nearest + "?" : ""));
  }
  return {};
}

Result<std::optional<ColumnSource>> source_of(const TableColumn& column, const MappingOptions& options,
                                              const SourceByName& by_name) {
  const auto named = options.columns.find(column.name);
  if (named == options.columns.end()) {
    const bool left_out = !options.columns.empty() && options.others == MappingOptions::Others::kLeftOut;
    if (left_out || !insertable(column)) return std::optional<ColumnSource>();
    return by_name(column);
  }
  auto source = parse_source(named->second);
  if (!source) return source.error().with_context("column " + column.name);
  return std::optional(std::move(*source));
}

}  // namespace

Error misfit(const TableColumn& column, const ColumnSource& source, std::string_view what) {
  std::string where = "column " + column.name + " (" + column.type.text + ")";
  if (source.text != column.name) where += " from \"" + source.text + "\"";
  return {ErrorCode::kInvalidArgument, where + ": " + std::string(what)};
}

row_values::Problem put_missing(std::string& out, const ColumnType& column, RowEncoder::Missing missing) {
  if (!column.nullable() && missing == RowEncoder::Missing::kRefused) return "the message has no value for it";
  put_zero(out, column);
  return {};
}

Result<ColumnPlan> plan_columns(const TableDescription& table, const MappingOptions& options,
                                const SourceByName& by_name) {
  if (auto known = check_names(table, options); !known) return known.error();
  std::vector<std::string> names;
  std::vector<ColumnSource> sources;
  for (const TableColumn& column : table.columns) {
    auto source = source_of(column, options, by_name);
    if (!source) return source.error();
    if (!*source) continue;
    if ((*source)->kind != ColumnSource::Kind::kPath && !source_fits(**source, column.type)) {
      return misfit(column, **source, "its values never fit this type");
    }
    names.push_back(column.name);
    sources.push_back(std::move(**source));
  }
  if (names.empty()) {
    return Error(ErrorCode::kInvalidArgument, "no column of table " + table.name + " gets a value");
  }
  auto encoder = RowEncoder::open(table, names);
  if (!encoder) return encoder.error();
  return ColumnPlan{std::move(*encoder), std::move(sources)};
}

}  // namespace leat
