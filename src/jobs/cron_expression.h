// A cron expression as sets of numbers: which local times it names. Knows nothing of time zones, nor of how it is
// written (cron_parser.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace leat {

// What the clocks of some place show.
using LocalTime = std::chrono::local_seconds;

// Bit n: the number n.
using CronSet = std::uint64_t;

struct CronField {
  const char* name;
  unsigned first;
  unsigned last;

  constexpr unsigned count() const { return last - first + 1; }
  constexpr CronSet all() const { return ((CronSet{1} << count()) - 1) << first; }
};

inline constexpr CronField kCronSecond{"second", 0, 59};
inline constexpr CronField kCronMinute{"minute", 0, 59};
inline constexpr CronField kCronHour{"hour", 0, 23};
inline constexpr CronField kCronDay{"day of month", 1, 31};
inline constexpr CronField kCronMonth{"month", 1, 12};
inline constexpr CronField kCronWeekday{"day of week", 0, 6};  // 0 is Sunday

// No set is empty.
struct CronExpression {
  CronSet seconds = 1;
  CronSet minutes = kCronMinute.all();
  CronSet hours = kCronHour.all();
  CronSet days = kCronDay.all();
  CronSet months = kCronMonth.all();
  CronSet weekdays = kCronWeekday.all();
  bool either_day = false;  // a date in `days` or a day in `weekdays` is enough; else it must be in both

  bool operator==(const CronExpression&) const = default;

  // It says nothing of hours.
  bool every_hour() const { return hours == kCronHour.all(); }
  // The 29th of February counts as a day that can come.
  bool can_match() const;
  // The first matching time at or after `from`; empty when there is none before the year 2263.
  std::optional<LocalTime> next(LocalTime from) const;
  // Reads back as the same expression. Five fields when the second is 0.
  std::string text() const;
};

}  // namespace leat
