// Payloads that need no description: JSON objects, and bytes that nobody looks into.
#include <algorithm>
#include <array>
#include <memory>

#include "clickhouse/json_value.h"
#include "pipeline/clickhouse/column_plan.h"
#include "pipeline/clickhouse/json_path.h"

namespace leat {
namespace {

Result<void> check_known(const ColumnPlan& plan, const nlohmann::json& object) {
  for (auto field = object.begin(); field != object.end(); ++field) {
    const bool taken = std::any_of(plan.sources.begin(), plan.sources.end(), [&](const ColumnSource& source) {
      return source.kind == ColumnSource::Kind::kPath && source.path.front() == field.key();
    });
    if (taken) continue;
    return Error(ErrorCode::kInvalidArgument,
                 "the payload has a value for \"" + field.key() + "\", and no column takes it");
  }
  return {};
}

Result<void> encode_object(RowBatch& batch, const ColumnPlan& plan, const MappingOptions& options,
                           const StoredMessage& message) {
  const auto object = parse_json_object(message.payload);
  if (!object) return object.error();
  if (options.unknown == RowEncoder::Unknown::kRefused) {
    if (auto known = check_known(plan, *object); !known) return known;
  }
  return append_row(batch, plan, options.missing, [&](std::string& row, std::size_t i) {
    const ColumnSource& source = plan.sources[i];
    const ColumnType& type = plan.encoder.columns()[i].type;
    if (source.kind != ColumnSource::Kind::kPath) return put_source(row, type, source, message);
    const nlohmann::json* value = find_in(*object, source.path);
    return value ? std::optional(put_json(row, type, *value)) : std::nullopt;
  });
}

Result<void> encode_message(RowBatch& batch, const ColumnPlan& plan, RowEncoder::Missing missing,
                            const StoredMessage& message) {
  return append_row(batch, plan, missing, [&](std::string& row, std::size_t i) {
    return put_source(row, plan.encoder.columns()[i].type, plan.sources[i], message);
  });
}

Result<std::optional<ColumnSource>> raw_by_name(const TableDescription& table, const TableColumn& column) {
  constexpr std::array<std::string_view, 4> kNames{"payload", "subject", "sequence", "time"};
  if (std::find(kNames.begin(), kNames.end(), column.name) != kNames.end()) {
    auto source = parse_source("$" + column.name);
    if (!source) return source.error();
    return std::optional(std::move(*source));
  }
  if (column.default_is == TableColumn::Default::kExpression) return std::optional<ColumnSource>();
  return Error(
      ErrorCode::kInvalidArgument,
      "column " + column.name + " of table " + table.name +
          " has no source: name it in `columns`, or give it a DEFAULT (by name go payload, subject, sequence, time)");
}

}  // namespace

Result<RowMapping> map_json(const TableDescription& table, const MappingOptions& options) {
  auto plan = plan_columns(table, options, [](const TableColumn& column) -> Result<std::optional<ColumnSource>> {
    return std::optional(source_of_name(column.name));
  });
  if (!plan) return plan.error();
  RowEncoder encoder = plan->encoder;
  auto encode = [plan = std::make_shared<const ColumnPlan>(std::move(*plan)), options](RowBatch& batch,
                                                                                       const StoredMessage& message) {
    return encode_object(batch, *plan, options, message);
  };
  return RowMapping{std::move(encoder), std::move(encode)};
}

Result<RowMapping> map_raw(const TableDescription& table, const MappingOptions& options) {
  auto plan = plan_columns(table, options, [&](const TableColumn& column) { return raw_by_name(table, column); });
  if (!plan) return plan.error();
  for (std::size_t i = 0; i < plan->sources.size(); ++i) {
    if (plan->sources[i].kind != ColumnSource::Kind::kPath) continue;
    return misfit(plan->encoder.columns()[i], plan->sources[i],
                  "nobody looks into a raw payload: sources are $payload, $subject, $sequence, $time, $header.NAME");
  }
  RowEncoder encoder = plan->encoder;
  auto encode = [plan = std::make_shared<const ColumnPlan>(std::move(*plan)), missing = options.missing](
                    RowBatch& batch, const StoredMessage& message) {
    return encode_message(batch, *plan, missing, message);
  };
  return RowMapping{std::move(encoder), std::move(encode)};
}

}  // namespace leat
