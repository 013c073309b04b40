#include "core/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace leat {
namespace {

struct Unit {
  std::string_view name;
  Duration length;
};
constexpr std::array<Unit, 7> kUnits{{{"d", std::chrono::hours(24)},
                                      {"h", std::chrono::hours(1)},
                                      {"m", std::chrono::minutes(1)},
                                      {"s", std::chrono::seconds(1)},
                                      {"ms", std::chrono::milliseconds(1)},
                                      {"us", std::chrono::microseconds(1)},
                                      {"ns", std::chrono::nanoseconds(1)}}};

// Reads `count` digits at `at` and moves on; -1 when they are none.
int take_digits(std::string_view text, std::size_t& at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  at += count;
  return value;
}

bool take(std::string_view text, std::size_t& at, std::string_view any_of) {
  if (at >= text.size() || any_of.find(text[at]) == any_of.npos) return false;
  ++at;
  return true;
}

std::optional<Duration> take_fraction(std::string_view text, std::size_t& at) {
  if (!take(text, at, ".")) return Duration{0};
  Duration::rep value = 0;
  int digits = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && digits < 9) {
    value = value * 10 + (text[at++] - '0');
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) value *= 10;
  return Duration{value};
}

std::optional<Duration> take_offset(std::string_view text, std::size_t& at) {
  if (take(text, at, "Zz")) return Duration{0};
  const bool west = at < text.size() && text[at] == '-';
  if (!take(text, at, "+-")) return std::nullopt;
  const int hours = take_digits(text, at, 2);
  if (hours < 0 || hours > 23 || !take(text, at, ":")) return std::nullopt;
  const int minutes = take_digits(text, at, 2);
  if (minutes < 0 || minutes > 59) return std::nullopt;
  const Duration offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return west ? -offset : offset;
}

// Of the character that some bytes begin with; 0 when they begin with none.
std::size_t character_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (at(0) < 0x80) return 1;
  if (at(0) < 0xc2 || at(0) > 0xf4) return 0;
  const std::size_t length = at(0) < 0xe0 ? 2 : at(0) < 0xf0 ? 3 : 4;
  if (bytes.size() < length) return 0;
  // The first byte after it excludes longer forms than needed, surrogates, and what is beyond U+10FFFF.
  const unsigned least = at(0) == 0xe0 ? 0xa0 : at(0) == 0xf0 ? 0x90 : 0x80;
  const unsigned most = at(0) == 0xed ? 0x9f : at(0) == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < least || at(1) > most) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::string to_rfc3339(SystemTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  std::array<char, 40> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<SystemTime> from_rfc3339(std::string_view text) {
  std::size_t at = 0;
  const int year = take_digits(text, at, 4);
  if (year < 1678 || year > 2261 || !take(text, at, "-")) return std::nullopt;  // what nanoseconds in 64 bits can hold
  const int month = take_digits(text, at, 2);
  if (month < 0 || !take(text, at, "-")) return std::nullopt;
  const int day = take_digits(text, at, 2);
  if (day < 0 || !take(text, at, "Tt ")) return std::nullopt;
  const int hour = take_digits(text, at, 2);
  if (hour < 0 || hour > 23 || !take(text, at, ":")) return std::nullopt;
  const int minute = take_digits(text, at, 2);
  if (minute < 0 || minute > 59 || !take(text, at, ":")) return std::nullopt;
  const int second = take_digits(text, at, 2);
  if (second < 0 || second > 60) return std::nullopt;
  const auto fraction = take_fraction(text, at);
  const auto offset = fraction ? take_offset(text, at) : std::nullopt;
  if (!offset || at != text.size()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return SystemTime{std::chrono::sys_days(date)} + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + *fraction - *offset;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

Result<Duration> parse_duration(std::string_view text) {
  const Error refused(
      ErrorCode::kInvalidArgument,
      "\"" + std::string(text) + "\" is no duration: write a number and a unit, as in 500ms, 30s, 5m, 2h or 7d");
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return refused;
  const std::string_view unit_name = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == unit_name; });
  if (unit == kUnits.end()) return refused;
  const double nanoseconds = number * static_cast<double>(unit->length.count());
  if (nanoseconds > 9.2e18) {
    return Error(ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is too long: a duration is up to 106000d");
  }
  return Duration{static_cast<Duration::rep>(std::llround(nanoseconds))};
}

std::string format_duration(Duration duration) {
  if (duration == Duration{0}) return "0s";
  for (const Unit& unit : kUnits) {
    if (duration % unit.length == Duration{0}) return std::to_string(duration / unit.length) + std::string(unit.name);
  }
  return {};
}

bool is_plain_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), plain);
}

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lowered;
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) (text.empty() ? text : text += between) += part;
  return text;
}

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = character_length(bytes.substr(at));
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace leat
