#include "clickhouse/calendar_text.h"

#include <chrono>

#include "core/text.h"

namespace leat {
namespace {

// `count` digits, taken from the front; empty when something else stands there.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t count) {
  const auto value = text.size() < count ? std::nullopt : parse_number(text.substr(0, count));
  if (!value) return std::nullopt;
  text.remove_prefix(count);
  return static_cast<unsigned>(*value);
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const auto date = std::chrono::year(static_cast<int>(*year)) / std::chrono::month(*month) / std::chrono::day(*day);
  if (*year == 0 || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// "12:30" or "12:30:15" as seconds.
enum class Seconds { kNo, kYes };
std::optional<std::int64_t> take_clock(std::string_view& text, Seconds seconds) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  const std::int64_t whole = std::int64_t{*hour} * 3600 + std::int64_t{*minute} * 60;
  if (seconds == Seconds::kNo) return whole;
  if (!take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  return whole + *second;
}

std::optional<std::uint32_t> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return 0;
  std::size_t digits = 0;
  std::uint32_t value = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    if (digits == 9) return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(text[digits++] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  for (; digits < 9; ++digits) value *= 10;
  return value;
}

std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return 0;
  const bool west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  const auto clock = take_clock(text, Seconds::kNo);
  if (!clock) return std::nullopt;
  return west ? -*clock : *clock;
}

}  // namespace

std::optional<std::int64_t> parse_date(std::string_view text) {
  const auto days = take_date(text);
  return text.empty() ? days : std::nullopt;
}

std::optional<ExactTime> parse_time(std::string_view text) {
  const auto days = take_date(text);
  if (!days || !take(text, "Tt ")) return std::nullopt;
  const auto clock = take_clock(text, Seconds::kYes);
  if (!clock) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return ExactTime{*days * 86'400 + *clock - *offset, *fraction};
}

}  // namespace leat
