#include "jobs/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <memory>
#include <optional>

#include "core/mutex.h"
#include "core/nearest_name.h"
#include "core/text.h"

namespace leat {
namespace {

using std::chrono::sys_seconds;
constexpr std::string_view kUtc = "UTC";
constexpr std::string_view kThisMachine = "localtime";

sys_seconds first_instant() {
  return std::chrono::floor<std::chrono::seconds>(SystemTime::min());
}

sys_seconds last_instant() {
  return std::chrono::floor<std::chrono::seconds>(SystemTime::max());
}

void add_period(TimeZone::Periods& periods, sys_seconds begin, sys_seconds end, std::chrono::seconds offset) {
  if (!periods.empty() && periods.back().offset == offset) {
    periods.back().end = end;
    return;
  }
  TimeZone::Period period{begin, end, offset, {}};
  period.shown_before =
      periods.empty() ? period.local_begin() : std::max(periods.back().shown_before, periods.back().local_end());
  periods.push_back(period);
}

TimeZone::Periods periods_of(const date::time_zone& zone) {
  TimeZone::Periods periods;
  for (sys_seconds at = first_instant(); at <= last_instant();) {
    const date::sys_info info = zone.get_info(at);
    const sys_seconds end = std::min(info.end, last_instant() + std::chrono::seconds(1));
    add_period(periods, at, end, info.offset);
    at = end;
  }
  return periods;
}

TimeZone::Periods periods_of_utc() {
  TimeZone::Periods periods;
  add_period(periods, first_instant(), last_instant() + std::chrono::seconds(1), std::chrono::seconds(0));
  return periods;
}

// The library knows a zone's transitions, but not the rule for those to come that the slim form of the database has in
// their stead: it would take summer time for ever.
bool is_slim() {
  constexpr std::array<std::string_view, 3> kWithSummerTime{"America/New_York", "Australia/Sydney", "Europe/London"};
  const auto ends = [](std::string_view name) {
    const sys_seconds late = date::sys_days(date::year(2030) / 1 / 1);
    return date::locate_zone(name)->get_info(late).end > last_instant();
  };
  return std::all_of(kWithSummerTime.begin(), kWithSummerTime.end(), ends);
}

Error no_database(const std::string& why) {
  return {ErrorCode::kUnavailable, "this machine's time zone database " + why + ": install Debian's package tzdata"};
}

Result<const date::tzdb*> open_database() {
  try {
    const date::tzdb& database = date::get_tzdb();
    if (database.zones.empty()) return no_database("is missing");
    if (is_slim()) return no_database("has no transitions to come (the slim form)");
    return &database;
  } catch (const std::exception& e) {
    return no_database("cannot be read (" + std::string(e.what()) + ")");
  }
}

// Else it is neither looked for nor shown.
bool is_like_a_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  const auto fits = [](char c) { return c > ' ' && c <= '~'; };
  return !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), fits);
}

// In any case, and by the city alone.
std::optional<std::string> nearest_zone(std::string_view typed, const std::vector<std::string>& names) {
  std::vector<std::string> whole;
  std::vector<std::string> cities;
  for (const std::string& name : names) {
    whole.push_back(lower_case(name));
    cities.push_back(whole.back().substr(whole.back().rfind('/') + 1));
  }
  for (const auto* spellings : {&whole, &cities}) {
    const auto nearest = nearest_name(lower_case(typed), *spellings);
    if (!nearest) continue;
    const auto at = std::find(spellings->begin(), spellings->end(), *nearest);
    return names[static_cast<std::size_t>(at - spellings->begin())];
  }
  return std::nullopt;
}

Error unknown_zone(std::string_view name) {
  if (!is_like_a_name(name))
    return {ErrorCode::kInvalidArgument, "a time zone is named as in Europe/Berlin, and not so"};
  std::string text = "there is no time zone \"" + std::string(name) + "\"";
  if (const auto nearest = nearest_zone(name, TimeZone::names())) text += ": did you mean " + *nearest + "?";
  return {ErrorCode::kInvalidArgument, text};
}

Result<TimeZone::Periods> load_periods(std::string_view name) {
  if (name == kUtc) return periods_of_utc();
  const auto database = open_database();
  if (!database) return database.error();
  const auto& zones = (*database)->zones;
  const auto zone = std::find_if(zones.begin(), zones.end(), [&](const auto& z) { return z.name() == name; });
  if (zone == zones.end() || name == kThisMachine) return unknown_zone(name);
  try {
    return periods_of(*zone);
  } catch (const std::exception& e) {
    return no_database("cannot be read (" + std::string(e.what()) + ")");
  }
}

}  // namespace

Result<const TimeZone*> TimeZone::find(std::string_view name) {
  static Mutex mutex;
  static std::map<std::string, std::unique_ptr<const TimeZone>, std::less<>> found LEAT_GUARDED_BY(mutex);
  const MutexLock lock(mutex);
  const auto at = found.find(name);
  if (at != found.end()) return at->second.get();
  auto periods = load_periods(name);
  if (!periods) return periods.error();
  auto zone = std::make_unique<const TimeZone>(std::string(name), *std::move(periods));
  return found.emplace(name, std::move(zone)).first->second.get();
}

std::vector<std::string> TimeZone::names() {
  const auto database = open_database();
  if (!database) return {};
  std::vector<std::string> names;
  for (const date::time_zone& zone : (*database)->zones) {
    if (zone.name() != kThisMachine) names.push_back(zone.name());
  }
  return names;
}

TimeZone::Periods::const_iterator TimeZone::period_at(std::chrono::sys_seconds time) const {
  const auto later = std::upper_bound(periods_.begin(), periods_.end(), time,
                                      [](std::chrono::sys_seconds at, const Period& p) { return at < p.begin; });
  return later == periods_.begin() ? later : std::prev(later);
}

}  // namespace leat
