// Small conversions between text and values that more than one folder needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat {

// "2026-01-31T12:00:00.123Z": UTC, milliseconds.
std::string to_rfc3339(SystemTime time);
// Any RFC 3339 time with `Z` or an offset and up to nine digits of fraction; empty when it is none.
std::optional<SystemTime> from_rfc3339(std::string_view text);

// A whole decimal number; empty when anything else stands there or it does not fit.
std::optional<std::uint64_t> parse_number(std::string_view text);

// "500ms", "30s", "5m", "2h", "7d", "1.5s"; kInvalidArgument says what is expected.
Result<Duration> parse_duration(std::string_view text);
// The shortest exact form of the same: "90s" is "90s", "1500ms" is "1500ms", "120s" is "2m".
std::string format_duration(Duration duration);

// True for a name of letters, digits, `_` and `-`, 1 to 64 characters long.
bool is_plain_name(std::string_view name);

// ASCII letters only.
std::string lower_case(std::string_view text);

// "a, b, c".
std::string joined(const std::vector<std::string>& parts, std::string_view between = ", ");

// True when the bytes are text in UTF-8 (RFC 3629).
bool is_utf8(std::string_view bytes);

}  // namespace leat
