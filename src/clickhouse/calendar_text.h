// Dates and times in text, over all years that ClickHouse has.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace leat {

// "2026-01-31" as days since 1970; empty when it is no date of the years 1 to 9999.
std::optional<std::int64_t> parse_date(std::string_view text);

struct ExactTime {
  std::int64_t seconds = 0;       // since 1970, UTC, rounded down
  std::uint32_t nanoseconds = 0;  // behind them
};

// RFC 3339 with `Z` or an offset, a `T` or a space in the middle, up to nine digits of a second; empty when it is none.
std::optional<ExactTime> parse_time(std::string_view text);

}  // namespace leat
