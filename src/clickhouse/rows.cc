#include "leat/rows.h"

#include <algorithm>

#include "clickhouse/json_value.h"

namespace leat {
namespace {

// The column of this name that a row can have.
Result<TableColumn> insertable(const TableDescription& table, const std::string& name) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const TableColumn& column) { return column.name == name; });
  if (found == table.columns.end()) {
    return Error(ErrorCode::kInvalidArgument, "table " + table.name + " has no column " + name);
  }
  if (found->default_is == TableColumn::Default::kNotInsertable) {
    return Error(ErrorCode::kInvalidArgument,
                 "column " + name + " of table " + table.name + " is computed (MATERIALIZED or ALIAS): leave it out");
  }
  return *found;
}

}  // namespace

std::string_view RowBatch::rows(std::size_t begin, std::size_t end) const {
  const std::size_t first = begin == 0 ? 0 : ends_.at(begin - 1);
  const std::size_t last = end == 0 ? 0 : ends_.at(end - 1);
  return std::string_view(bytes_).substr(first, last - first);
}

void RowBatch::append(std::string_view encoded_row) {
  bytes_ += encoded_row;
  ends_.push_back(bytes_.size());
}

void RowBatch::cut_back(std::size_t rows) {
  ends_.resize(rows);
  bytes_.resize(rows == 0 ? 0 : ends_.back());
}

void RowBatch::clear() {
  bytes_.clear();
  ends_.clear();
}

void RowBatch::reserve(std::size_t rows, std::size_t bytes) {
  ends_.reserve(rows);
  bytes_.reserve(bytes);
}

Result<RowEncoder> RowEncoder::open(const TableDescription& table, std::span<const std::string> columns) {
  std::vector<TableColumn> chosen;
  for (const std::string& name : columns) {
    auto column = insertable(table, name);
    if (!column) return column.error();
    const bool twice = std::any_of(chosen.begin(), chosen.end(), [&](const auto& other) { return other.name == name; });
    if (twice) return Error(ErrorCode::kInvalidArgument, "column " + name + " stands twice");
    chosen.push_back(std::move(*column));
  }
  for (const TableColumn& column : table.columns) {
    if (columns.empty() && column.default_is != TableColumn::Default::kNotInsertable) chosen.push_back(column);
  }
  return RowEncoder(table.name, std::move(chosen));
}

std::vector<std::string> RowEncoder::column_names() const {
  std::vector<std::string> names;
  for (const TableColumn& column : columns_) names.push_back(column.name);
  return names;
}

Error RowEncoder::misfit(const TableColumn& column, std::string_view what) {
  return {ErrorCode::kInvalidArgument, "column " + column.name + " (" + column.type.text + "): " + std::string(what)};
}

Result<void> RowEncoder::encode_json(RowBatch& batch, std::string_view object, const JsonRules& rules) const {
  auto fields = parse_json_object(object);
  if (!fields) return fields.error();
  const std::size_t before = batch.bytes_.size();
  std::size_t used = 0;
  row_values::Problem problem;
  for (const TableColumn& column : columns_) {
    const auto field = fields->find(column.name);
    used += field != fields->end() ? 1 : 0;
    if (field != fields->end()) {
      problem = put_json(batch.bytes_, column.type, *field);
    } else if (column.type.nullable() || rules.missing == Missing::kZero) {
      put_zero(batch.bytes_, column.type);
    } else {
      problem = "the row has no value for it";
    }
    if (problem.empty()) continue;
    batch.bytes_.resize(before);
    return misfit(column, problem);
  }
  if (used < fields->size() && rules.unknown == Unknown::kRefused) {
    batch.bytes_.resize(before);
    return unknown_key(*fields, columns_);
  }
  end_row(batch);
  return {};
}

}  // namespace leat
