// Which columns a mapping fills, and from where: what all mappings share.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/row_mapping.h"
#include "pipeline/clickhouse/column_source.h"

namespace leat {

struct ColumnPlan {
  RowEncoder encoder;
  std::vector<ColumnSource> sources;  // one for each of its columns
};

// The source of a column that the options name none for; empty: the column is left to its DEFAULT.
using SourceByName = std::function<Result<std::optional<ColumnSource>>(const TableColumn& column)>;

// In the table's order. Errors: kInvalidArgument, naming the column and the nearest name; a `$` source that does not
// fit.
Result<ColumnPlan> plan_columns(const TableDescription& table, const MappingOptions& options,
                                const SourceByName& by_name);

// The error about a column's value.
Error misfit(const TableColumn& column, const ColumnSource& source, std::string_view what);

// What stands in a row when the message has nothing for a column.
row_values::Problem put_missing(std::string& out, const ColumnType& column, RowEncoder::Missing missing);

// Appends a row whose values are appended by `put(std::string& row, std::size_t column)`: it returns a problem, empty
// when there is none, and nothing when the message has no value.
template <class Put>
Result<void> append_row(RowBatch& batch, const ColumnPlan& plan, RowEncoder::Missing missing, Put put) {
  constexpr std::size_t kOrdinaryRow = 256;
  std::string row;
  row.reserve(kOrdinaryRow);
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    const TableColumn& column = plan.encoder.columns()[i];
    std::optional<row_values::Problem> problem = put(row, i);
    if (!problem) problem = put_missing(row, column.type, missing);
    if (!problem->empty()) return misfit(column, plan.sources[i], *problem);
  }
  batch.append(row);
  return {};
}

}  // namespace leat
