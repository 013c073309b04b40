#include "jobs/zoned_cron.h"

#include <algorithm>

namespace leat {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// The first local time that no clock had shown or jumped over before `from`.
LocalTime not_reached_before(const TimeZone::Period& period, sys_seconds from) {
  return from == period.begin ? period.shown_before : std::max(period.shown_before, period.to_local(from));
}

// When the clock first shows a matching time, or jumps over one.
std::optional<sys_seconds> next_reached(const CronExpression& cron, const TimeZone& zone, sys_seconds from) {
  auto period = zone.period_at(from);
  const auto due = cron.next(not_reached_before(*period, from));
  if (!due) return std::nullopt;
  while (period->local_end() <= *due) {
    if (++period == zone.periods().end()) return std::nullopt;
  }
  return std::max(period->begin, period->to_sys(*due));
}

// When the clock shows a matching time.
std::optional<sys_seconds> next_shown(const CronExpression& cron, const TimeZone& zone, sys_seconds from) {
  for (auto period = zone.period_at(from); period != zone.periods().end(); ++period) {
    const auto due = cron.next(period->to_local(std::max(from, period->begin)));
    if (!due) return std::nullopt;
    if (*due < period->local_end()) return period->to_sys(*due);
  }
  return std::nullopt;
}

}  // namespace

std::optional<SystemTime> next_due(const CronExpression& cron, const TimeZone& zone, SystemTime after) {
  const sys_seconds from = std::chrono::floor<seconds>(after) + seconds(1);
  const auto due = cron.every_hour() ? next_shown(cron, zone, from) : next_reached(cron, zone, from);
  if (!due || *due > std::chrono::floor<seconds>(SystemTime::max())) return std::nullopt;
  return SystemTime(*due);
}

}  // namespace leat
