#include "leat/recurrence.h"

#include <algorithm>
#include <variant>

#include "core/invalid_argument.h"
#include "core/text.h"
#include "jobs/cron_parser.h"
#include "jobs/zoned_cron.h"

namespace leat {
namespace {

constexpr std::size_t kLongestExpression = 256;
constexpr Duration kShortestInterval = std::chrono::seconds(1);
constexpr Duration kLongestInterval = std::chrono::days(3650);
constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kEvery = "@every";

struct Interval {
  Duration length{};
  SystemTime anchor{};
};

using Rhythm = std::variant<CronExpression, Interval>;

// How far into its interval a time is.
Duration phase(SystemTime time, Duration interval) {
  const Duration rest = time.time_since_epoch() % interval;
  return rest < Duration{0} ? rest + interval : rest;
}

std::optional<SystemTime> next_due(const Interval& interval, SystemTime after) {
  Duration wait = phase(interval.anchor, interval.length) - phase(after, interval.length);
  if (wait <= Duration{0}) wait += interval.length;
  if (after > SystemTime::max() - wait) return std::nullopt;
  return after + wait;
}

Result<Duration> check_interval(Duration interval) {
  const bool whole = interval % std::chrono::milliseconds(1) == Duration{0};
  if (whole && interval >= kShortestInterval && interval <= kLongestInterval) return interval;
  return invalid_argument("an interval is 1s to 3650d in whole milliseconds, and this one is " +
                          format_duration(interval));
}

Result<void> check_characters(std::string_view text) {
  if (text.size() > kLongestExpression) {
    return invalid_argument("a cron expression has at most 256 bytes, and this one has " + std::to_string(text.size()));
  }
  const auto foreign = [](char c) { return (c < ' ' || c > '~') && c != '\t'; };
  const auto at = std::find_if(text.begin(), text.end(), foreign);
  if (at == text.end()) return {};
  return invalid_argument("a cron expression is printable ASCII, and a byte that is not stands at position " +
                          std::to_string(at - text.begin() + 1));
}

std::size_t skip_blanks(std::string_view text, std::size_t from = 0) {
  return std::min(text.find_first_not_of(kBlanks, from), text.size());
}

// The zone in front of an expression; cuts it off.
std::optional<std::string_view> take_zone(std::string_view& text) {
  const std::size_t begin = skip_blanks(text);
  for (const std::string_view mark : {"TZ=", "CRON_TZ="}) {
    if (!text.substr(begin).starts_with(mark)) continue;
    const std::size_t zone = begin + mark.size();
    const std::size_t end = std::min(text.find_first_of(kBlanks, zone), text.size());
    const std::string_view name = text.substr(zone, end - zone);
    text.remove_prefix(end);
    return name;
  }
  return std::nullopt;
}

Result<const TimeZone*> find_zone(std::optional<std::string_view> in_text, std::string_view given) {
  if (in_text && !given.empty() && *in_text != given) {
    return invalid_argument("it names the time zone " + std::string(*in_text) + ", and " + std::string(given) +
                            " is asked for");
  }
  if (in_text) return TimeZone::find(*in_text);
  return TimeZone::find(given.empty() ? "UTC" : given);
}

Result<Rhythm> parse_every(std::string_view text) {
  text.remove_prefix(skip_blanks(text, kEvery.size()));
  const auto interval = parse_duration(text.substr(0, text.find_last_not_of(kBlanks) + 1));
  if (!interval) return interval.error();
  const auto checked = check_interval(*interval);
  if (!checked) return checked.error();
  return Rhythm(Interval{*checked});
}

Result<Rhythm> parse_rhythm(std::string_view text, std::size_t first_position) {
  const std::string_view trimmed = text.substr(skip_blanks(text));
  if (trimmed == kEvery || trimmed.starts_with("@every ") || trimmed.starts_with("@every\t"))
    return parse_every(trimmed);
  const auto cron = parse_cron(text, first_position);
  if (!cron) return cron.error();
  return Rhythm(*cron);
}

}  // namespace

struct Recurrence::Rule {
  Rhythm rhythm;
  const TimeZone* zone;
};

Recurrence::Recurrence(const Rule& rule) : rule_(std::make_unique<Rule>(rule)) {}
Recurrence::Recurrence(const Recurrence& other) : Recurrence(*other.rule_) {}
Recurrence::~Recurrence() = default;

Recurrence& Recurrence::operator=(const Recurrence& other) {
  *rule_ = *other.rule_;
  return *this;
}

Result<Recurrence> Recurrence::cron(std::string_view expression, std::string_view zone) {
  if (const auto checked = check_characters(expression); !checked) return checked.error();
  const std::string context = "cron \"" + std::string(expression) + "\"";
  std::string_view rest = expression;
  const auto own_zone = take_zone(rest);
  const auto rhythm = parse_rhythm(rest, expression.size() - rest.size() + 1);
  if (!rhythm) return rhythm.error().with_context(context);
  const auto found = find_zone(own_zone, zone);
  if (!found) return found.error().with_context(context);
  return Recurrence(Rule{*rhythm, *found});
}

Result<Recurrence> Recurrence::every(Duration interval, SystemTime anchor) {
  const auto checked = check_interval(interval);
  if (!checked) return checked.error();
  return Recurrence(Rule{Interval{*checked, anchor}, *TimeZone::find("UTC")});
}

Recurrence Recurrence::anchored(SystemTime anchor) const {
  Recurrence copy = *this;
  if (auto* interval = std::get_if<Interval>(&copy.rule_->rhythm)) interval->anchor = anchor;
  return copy;
}

std::optional<SystemTime> Recurrence::next(SystemTime after) const {
  if (const auto* interval = std::get_if<Interval>(&rule_->rhythm)) return next_due(*interval, after);
  return next_due(std::get<CronExpression>(rule_->rhythm), *rule_->zone, after);
}

std::string Recurrence::expression() const {
  if (const auto* interval = std::get_if<Interval>(&rule_->rhythm)) {
    return std::string(kEvery) + " " + format_duration(interval->length);
  }
  return std::get<CronExpression>(rule_->rhythm).text();
}

std::string Recurrence::zone() const {
  return rule_->zone->name();
}

}  // namespace leat
