// JSON values as values of ClickHouse's columns.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clickhouse.h"
#include "leat/row_values.h"

namespace leat {

// kInvalidArgument when it is no JSON, or no object.
Result<nlohmann::json> parse_json_object(std::string_view text);

// As leat/rows.h tells of encode_json.
row_values::Problem put_json(std::string& out, const ColumnType& type, const nlohmann::json& value);

// NULL where the type has it, else its zero.
void put_zero(std::string& out, const ColumnType& type);

// The error about the first key that no column has.
Error unknown_key(const nlohmann::json& object, const std::vector<TableColumn>& columns);

}  // namespace leat
