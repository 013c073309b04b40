// The types of ClickHouse's columns, as DESCRIBE TABLE writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "leat/result.h"

namespace leat {

struct ColumnType {
  enum class Kind {
    kInt,    // `bits` 8 to 256
    kUInt,   // `bits` 8 to 256
    kFloat,  // `bits` 32 or 64
    kBool,
    kString,
    kFixedString,  // `size` bytes
    kDate,
    kDate32,
    kDateTime,
    kDateTime64,  // `scale` digits of a second
    kUuid,
    kEnum,     // `bits` 8 or 16; `names` and `values`
    kDecimal,  // `bits` 32 to 256; `size` digits, `scale` of them behind the point
    kIpv4,
    kIpv6,
    kArray,     // of `inner[0]`
    kNullable,  // `inner[0]`
    kMap,       // of `inner[0]` to `inner[1]`
    kTuple,     // of `inner`; `names` when it has them
    kJson,
  } kind = Kind::kString;
  unsigned bits = 0;
  unsigned size = 0;
  unsigned scale = 0;
  std::string text;  // in one line: "Nullable(DateTime64(3, 'UTC'))"
  std::vector<ColumnType> inner{};
  std::vector<std::string> names{};
  std::vector<std::int16_t> values{};

  bool nullable() const { return kind == Kind::kNullable; }
};

// LowCardinality and SimpleAggregateFunction are told apart in `text` alone: their values are those of the type inside.
// Errors: kInvalidArgument, naming what is not known or wrong, in which type.
Result<ColumnType> parse_column_type(std::string_view text);

}  // namespace leat
