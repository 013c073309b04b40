// Whether a mapping fits its table, and what the table makes of an insert that comes twice.
#pragma once

#include <string>

#include "leat/clickhouse_pipeline.h"

namespace leat {

struct TableFacts {
  bool exactly_once = false;
  std::string remedy{};       // otherwise: why, and what to change
  std::string fingerprint{};  // of table, columns and types: what made a row
};

// Errors: those of describe_table(); kInvalidArgument, naming the column that the table has not, or has otherwise.
Result<TableFacts> check_table(ClickHouse& engine, const RowEncoder& encoder);

}  // namespace leat
