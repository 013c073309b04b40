#include "leat/row_values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "clickhouse/calendar_text.h"
#include "clickhouse/wide_integer.h"

namespace leat::row_values {
namespace {

using Kind = ColumnType::Kind;

constexpr std::int64_t kSecondsOfDay = 86'400;
constexpr std::int64_t kFirstDay = -25'567;  // 1900-01-01, of Date32 and DateTime64
constexpr std::int64_t kLastDay = 120'529;   // 2299-12-31
constexpr std::int64_t kExactDouble = std::int64_t{1} << 53;

static_assert(std::endian::native == std::endian::little, "numbers are appended as they lie in memory");

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string quoted(std::string_view text) {
  std::string out = "\"" + std::string(text.substr(0, 100));
  if (text.size() > 100) out += "...";
  return out + "\"";
}

Problem no_such(const std::string& value, const char* expected) {
  return value + " is none: expected " + expected;
}

Problem out_of_range(const std::string& value) {
  return value + " is out of its range";
}

std::int64_t power_of_ten(unsigned exponent) {
  std::int64_t value = 1;
  for (; exponent > 0; --exponent) value *= 10;
  return value;
}

// `value` is what the message shows.
Problem put_exact_time(std::string& out, const ColumnType& type, const ExactTime& time, const std::string& value) {
  const std::int64_t day = time.seconds >= 0 ? time.seconds / kSecondsOfDay : (time.seconds + 1) / kSecondsOfDay - 1;
  if (type.kind == Kind::kDate) {
    if (day < 0 || day > std::numeric_limits<std::uint16_t>::max()) return out_of_range(value);
    append(out, static_cast<std::uint16_t>(day));
    return {};
  }
  if (type.kind == Kind::kDate32) {
    if (day < kFirstDay || day > kLastDay) return out_of_range(value);
    append(out, static_cast<std::int32_t>(day));
    return {};
  }
  if (type.kind == Kind::kDateTime) {
    if (time.seconds < 0 || time.seconds > std::numeric_limits<std::uint32_t>::max()) return out_of_range(value);
    append(out, static_cast<std::uint32_t>(time.seconds));
    return {};
  }
  const std::int64_t ticks = power_of_ten(type.scale);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / ticks - 1;
  if (day < kFirstDay || day > kLastDay || std::abs(time.seconds) > most) return out_of_range(value);
  append(out, time.seconds * ticks + time.nanoseconds / power_of_ten(9 - type.scale));
  return {};
}

bool is_time(Kind kind) {
  return kind == Kind::kDate || kind == Kind::kDate32 || kind == Kind::kDateTime || kind == Kind::kDateTime64;
}

Problem put_wide(std::string& out, const ColumnType& type, const WideInteger& value, const std::string& shown) {
  const Signed is_signed = type.kind == Kind::kInt ? Signed::kYes : Signed::kNo;
  return append_integer(out, value, type.bits, is_signed) ? Problem() : out_of_range(shown);
}

Problem put_enum_value(std::string& out, const ColumnType& type, std::int64_t value) {
  const auto known = std::find(type.values.begin(), type.values.end(), value);
  if (known == type.values.end()) return no_such(std::to_string(value), "one of its values");
  return put_integer(out, {.kind = Kind::kInt, .bits = type.bits}, value);
}

Problem put_decimal(std::string& out, const ColumnType& type, std::string_view text) {
  const auto value = parse_decimal(text, type.size, type.scale);
  if (!value) return quoted(text) + " does not fit: expected digits, at most so many before and behind the point";
  append_integer(out, *value, type.bits, Signed::kYes);
  return {};
}

// All kinds that a whole number of 64 bits has no shorter way for.
Problem put_whole(std::string& out, const ColumnType& type, const WideInteger& value, const std::string& shown) {
  const bool small = value.magnitude[0] <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto near = static_cast<std::int64_t>(small ? value.magnitude[0] : 0);
  const auto value_or_negative = value.negative ? -near : near;
  if (type.kind == Kind::kInt || type.kind == Kind::kUInt) return put_wide(out, type, value, shown);
  if (type.kind == Kind::kDecimal) return put_decimal(out, type, shown);
  if (!fits(Family::kNumber, type)) return shown + " is a number, and the column takes none";
  if (!small) return out_of_range(shown);
  if (type.kind == Kind::kEnum) return put_enum_value(out, type, value_or_negative);
  if (type.kind == Kind::kBool) {
    if (near > 1 || value.negative) return no_such(shown, "true, false, 0 or 1");
    out += static_cast<char>(near);
    return {};
  }
  if (type.kind == Kind::kFloat) {
    if (near > kExactDouble) return shown + " is not exact as a Float";
    return put_real(out, type, static_cast<double>(value_or_negative));
  }
  return put_exact_time(out, type, {value_or_negative, 0}, shown);
}

Problem put_float_text(std::string& out, const ColumnType& type, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return no_such(quoted(text), "a number, nan, inf or -inf");
  return put_real(out, type, value);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Two halves, each with its lowest byte first.
Problem put_uuid(std::string& out, std::string_view text) {
  std::array<std::uint64_t, 2> halves{};
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23)) continue;
    const int digit = hex_digit(text[i]);
    if (digit < 0 || digits == 32) return no_such(quoted(text), "a UUID");
    halves[digits / 16] = halves[digits / 16] << 4 | static_cast<unsigned>(digit);
    ++digits;
  }
  if (digits != 32 || text.size() != 36) return no_such(quoted(text), "a UUID, with its dashes");
  append(out, halves);
  return {};
}

Problem put_address(std::string& out, const ColumnType& type, std::string_view text) {
  const std::string copy(text);
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
    if (type.kind == Kind::kIpv4) {
      append(out, ntohl(v4.s_addr));
    } else {
      out.append(10, '\0').append(2, '\xff').append(reinterpret_cast<const char*>(&v4), sizeof(v4));
    }
    return {};
  }
  if (type.kind == Kind::kIpv4) return no_such(quoted(text), "an IPv4 address");
  if (inet_pton(AF_INET6, copy.c_str(), &v6) != 1) return no_such(quoted(text), "an IPv6 address");
  append(out, v6);
  return {};
}

Problem put_enum_name(std::string& out, const ColumnType& type, std::string_view name) {
  const auto known = std::find(type.names.begin(), type.names.end(), name);
  if (known == type.names.end()) return no_such(quoted(name), "one of its names");
  return put_enum_value(out, type, type.values[static_cast<std::size_t>(known - type.names.begin())]);
}

Problem put_time_text(std::string& out, const ColumnType& type, std::string_view text) {
  if (const auto day = parse_date(text); day && (type.kind == Kind::kDate || type.kind == Kind::kDate32)) {
    return put_exact_time(out, type, {*day * kSecondsOfDay, 0}, quoted(text));
  }
  if (const auto time = parse_time(text)) return put_exact_time(out, type, *time, quoted(text));
  if (type.kind == Kind::kDate || type.kind == Kind::kDate32) return no_such(quoted(text), "a date, as in 2026-01-31");
  return no_such(quoted(text), "a time with Z or an offset, as in 2026-01-31T12:00:00Z");
}

Problem put_bool_text(std::string& out, std::string_view text) {
  if (text != "true" && text != "false") return no_such(quoted(text), "true or false");
  out += text == "true" ? '\1' : '\0';
  return {};
}

}  // namespace

void put_length(std::string& out, std::uint64_t length) {
  for (; length >= 0x80; length >>= 7) out += static_cast<char>(length | 0x80);
  out += static_cast<char>(length);
}

Problem put_null(std::string& out, const ColumnType& type) {
  if (!type.nullable()) return "NULL, and the column is not Nullable";
  out += '\1';
  return {};
}

Problem put_natural(std::string& out, const ColumnType& column, std::uint64_t value) {
  const ColumnType& type = without_null(out, column);
  if (type.kind == Kind::kUInt && type.bits <= 64) {
    if (type.bits < 64 && value >> type.bits != 0) return out_of_range(std::to_string(value));
    out.append(reinterpret_cast<const char*>(&value), type.bits / 8);
    return {};
  }
  return put_whole(out, type, {.magnitude = {value}}, std::to_string(value));
}

Problem put_integer(std::string& out, const ColumnType& column, std::int64_t value) {
  if (value >= 0) return put_natural(out, column, static_cast<std::uint64_t>(value));
  const ColumnType& type = without_null(out, column);
  const WideInteger wide{.negative = true, .magnitude = {0 - static_cast<std::uint64_t>(value)}};
  return put_whole(out, type, wide, std::to_string(value));
}

Problem put_real(std::string& out, const ColumnType& column, double value) {
  const ColumnType& type = without_null(out, column);
  if (type.kind == Kind::kFloat && type.bits == 64) {
    append(out, value);
    return {};
  }
  const std::string shown = std::to_string(value);
  if (type.kind == Kind::kFloat) {
    if (std::isfinite(value) && std::abs(value) > static_cast<double>(std::numeric_limits<float>::max())) {
      return out_of_range(shown);
    }
    append(out, static_cast<float>(value));
    return {};
  }
  if (!std::isfinite(value) || std::abs(value) > static_cast<double>(kExactDouble)) return out_of_range(shown);
  const double whole = std::floor(value);
  if (type.kind == Kind::kDateTime64) {
    const auto nanoseconds = static_cast<std::uint32_t>(std::min((value - whole) * 1e9, 999'999'999.0));
    return put_exact_time(out, type, {static_cast<std::int64_t>(whole), nanoseconds}, shown);
  }
  if (whole != value) return shown + " is no whole number";
  return put_integer(out, type, static_cast<std::int64_t>(value));
}

Problem put_time(std::string& out, const ColumnType& column, SystemTime value) {
  const ColumnType& type = without_null(out, column);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(value);
  const ExactTime time{seconds.time_since_epoch().count(), static_cast<std::uint32_t>((value - seconds).count())};
  return put_exact_time(out, type, time, std::to_string(time.seconds) + " seconds since 1970");
}

Problem put_text(std::string& out, const ColumnType& column, std::string_view value) {
  const ColumnType& type = without_null(out, column);
  switch (type.kind) {
    case Kind::kString:
    case Kind::kJson:
      put_length(out, value.size());
      out += value;
      return {};
    case Kind::kFixedString:
      if (value.size() > type.size) return quoted(value) + " is longer than that";
      out.append(value).append(type.size - value.size(), '\0');
      return {};
    case Kind::kInt:
    case Kind::kUInt: {
      const auto number = WideInteger::parse(value);
      return number ? put_wide(out, type, *number, quoted(value)) : no_such(quoted(value), "a whole number");
    }
    case Kind::kFloat: return put_float_text(out, type, value);
    case Kind::kBool: return put_bool_text(out, value);
    case Kind::kUuid: return put_uuid(out, value);
    case Kind::kEnum: return put_enum_name(out, type, value);
    case Kind::kDecimal: return put_decimal(out, type, value);
    case Kind::kIpv4:
    case Kind::kIpv6: return put_address(out, type, value);
    case Kind::kDate:
    case Kind::kDate32:
    case Kind::kDateTime:
    case Kind::kDateTime64: return put_time_text(out, type, value);
    case Kind::kArray:
    case Kind::kMap:
    case Kind::kTuple:
    case Kind::kNullable: break;
  }
  return quoted(value) + " is text, and the column takes none";
}

bool fits(Family family, const ColumnType& column) {
  const ColumnType& type = inside(column);
  const bool collection = type.kind == Kind::kArray || type.kind == Kind::kMap || type.kind == Kind::kTuple;
  switch (family) {
    case Family::kText: return !collection;
    case Family::kTime: return is_time(type.kind);
    case Family::kNumber: break;
  }
  constexpr std::array kNumbers{Kind::kInt,  Kind::kUInt,    Kind::kFloat,    Kind::kBool,
                                Kind::kEnum, Kind::kDecimal, Kind::kDateTime, Kind::kDateTime64};
  return std::find(kNumbers.begin(), kNumbers.end(), type.kind) != kNumbers.end();
}

}  // namespace leat::row_values
