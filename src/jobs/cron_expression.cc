#include "jobs/cron_expression.h"

#include <bit>

namespace leat {
namespace {

namespace chrono = std::chrono;

constexpr chrono::year kLastYear{2262};  // SystemTime ends in it

// The smallest member that is `least` or more; 64 when there is none. `least` is at most 63.
unsigned next_in(CronSet set, unsigned least) {
  return static_cast<unsigned>(std::countr_zero(set & (~CronSet{0} << least)));
}

bool holds(CronSet set, unsigned number) {
  return (set >> number & 1) != 0;
}

unsigned length_of(chrono::year_month month) {
  const chrono::year_month_day_last end{month.year(), chrono::month_day_last(month.month())};
  return static_cast<unsigned>(end.day());
}

// The matching days of a month.
CronSet days_in(const CronExpression& cron, chrono::year_month month) {
  const unsigned first = chrono::weekday(chrono::local_days(month / 1)).c_encoding();
  const CronSet one_week = (cron.weekdays >> first | cron.weekdays << (7 - first)) & kCronWeekday.all();
  constexpr CronSet kWeeks = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;
  const CronSet by_weekday = one_week * kWeeks << 1;
  const CronSet existing = (CronSet{2} << length_of(month)) - 2;
  return (cron.either_day ? cron.days | by_weekday : cron.days & by_weekday) & existing;
}

// The first matching day at or after `from`.
std::optional<chrono::local_days> next_day(const CronExpression& cron, chrono::local_days from) {
  const chrono::year_month_day date(from);
  chrono::year year = date.year();
  unsigned month = static_cast<unsigned>(date.month());
  unsigned day = static_cast<unsigned>(date.day());
  while (year <= kLastYear) {
    if (holds(cron.months, month)) {
      const chrono::year_month here = year / chrono::month(month);
      if (const unsigned found = next_in(days_in(cron, here), day); found <= kCronDay.last) {
        return chrono::local_days(here / chrono::day(found));
      }
    }
    day = kCronDay.first;
    month = next_in(cron.months, month + 1);
    if (month > kCronMonth.last) {
      month = next_in(cron.months, kCronMonth.first);
      ++year;
    }
  }
  return std::nullopt;
}

chrono::seconds time_of(unsigned hour, unsigned minute, unsigned second) {
  return chrono::hours(hour) + chrono::minutes(minute) + chrono::seconds(second);
}

// The first matching time of a day at or after `from`, which is less than a day.
std::optional<chrono::seconds> next_time(const CronExpression& cron, chrono::seconds from) {
  const auto count = static_cast<unsigned>(from.count());
  const unsigned hour = count / 3600;
  const unsigned minute = count / 60 % 60;
  const unsigned second = next_in(cron.seconds, count % 60);
  const unsigned first_minute = next_in(cron.minutes, 0);
  const unsigned first_second = next_in(cron.seconds, 0);
  if (holds(cron.hours, hour)) {
    if (holds(cron.minutes, minute) && second <= kCronSecond.last) return time_of(hour, minute, second);
    const unsigned later = next_in(cron.minutes, minute + 1);
    if (later <= kCronMinute.last) return time_of(hour, later, first_second);
  }
  const unsigned later = next_in(cron.hours, hour + 1);
  if (later <= kCronHour.last) return time_of(later, first_minute, first_second);
  return std::nullopt;
}

}  // namespace

bool CronExpression::can_match() const {
  if (either_day) return true;
  for (unsigned month = kCronMonth.first; month <= kCronMonth.last; ++month) {
    const CronSet existing = (CronSet{2} << length_of(chrono::year(2000) / chrono::month(month))) - 2;
    if (holds(months, month) && (days & existing) != 0) return true;
  }
  return false;
}

std::optional<LocalTime> CronExpression::next(LocalTime from) const {
  const auto today = chrono::floor<chrono::days>(from);
  const auto day = next_day(*this, today);
  if (!day) return std::nullopt;
  constexpr chrono::seconds kMidnight{0};
  if (const auto time = next_time(*this, *day == today ? from - today : kMidnight)) return *day + *time;
  const auto later = next_day(*this, *day + chrono::days(1));
  if (!later) return std::nullopt;
  return *later + *next_time(*this, kMidnight);
}

}  // namespace leat
