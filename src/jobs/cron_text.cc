// How a cron expression is written: the same sets always as the same text.
#include <bit>

#include "jobs/cron_expression.h"

namespace leat {
namespace {

constexpr int kShortestProgression = 3;

unsigned lowest(CronSet set) {
  return static_cast<unsigned>(std::countr_zero(set));
}

unsigned highest(CronSet set) {
  return 63 - static_cast<unsigned>(std::countl_zero(set));
}

CronSet progression(unsigned first, unsigned last, unsigned step) {
  CronSet set = 0;
  for (unsigned number = first; number <= last; number += step) set |= CronSet{1} << number;
  return set;
}

std::string step_text(unsigned step) {
  return step == 1 ? "" : "/" + std::to_string(step);
}

// `1-5,7`
std::string list_of(CronSet set) {
  std::string text;
  while (set != 0) {
    const unsigned from = lowest(set);
    const unsigned to = from + static_cast<unsigned>(std::countr_one(set >> from)) - 1;
    if (!text.empty()) text += ',';
    text += std::to_string(from);
    if (to > from) text += (to == from + 1 ? "," : "-") + std::to_string(to);
    set &= ~progression(from, to, 1);
  }
  return text;
}

// `2-20/6` for what is one progression, else a list.
std::string unstarred(CronSet set) {
  const unsigned first = lowest(set);
  const CronSet others = set & (set - 1);
  if (std::popcount(set) > kShortestProgression) {
    const unsigned step = lowest(others) - first;
    if (step > 1 && set == progression(first, highest(set), step)) {
      return std::to_string(first) + "-" + std::to_string(highest(set)) + step_text(step);
    }
  }
  return list_of(set);
}

// `*` or `*/5` where that is all that it says, else without a star.
std::string starred_if_whole(CronSet set, const CronField& field) {
  if (set == field.all()) return "*";
  if (std::popcount(set) >= kShortestProgression && lowest(set) == field.first) {
    const unsigned step = lowest(set & (set - 1)) - field.first;
    if (set == progression(field.first, field.last, step)) return "*" + step_text(step);
  }
  return unstarred(set);
}

// Begins with a star if that is possible: `*/10,5`.
std::string starred(CronSet set, const CronField& field) {
  for (unsigned step = 1; step < field.count(); ++step) {
    const CronSet covered = progression(field.first, field.last, step);
    if ((covered & ~set) != 0) continue;
    const CronSet rest = set & ~covered;
    return "*" + step_text(step) + (rest == 0 ? "" : "," + list_of(rest));
  }
  return unstarred(set);
}

// A star in front of either day field makes both of them count; when one has all days, it is that one.
std::string day_text(const CronExpression& cron, CronSet set, const CronField& field) {
  if (cron.either_day) return unstarred(set);
  const bool both_narrow = cron.days != kCronDay.all() && cron.weekdays != kCronWeekday.all();
  return both_narrow ? starred(set, field) : starred_if_whole(set, field);
}

}  // namespace

std::string CronExpression::text() const {
  std::string text = seconds == 1 ? "" : starred_if_whole(seconds, kCronSecond) + " ";
  text += starred_if_whole(minutes, kCronMinute) + " " + starred_if_whole(hours, kCronHour) + " ";
  text += day_text(*this, days, kCronDay) + " " + starred_if_whole(months, kCronMonth) + " ";
  return text + day_text(*this, weekdays, kCronWeekday);
}

}  // namespace leat
