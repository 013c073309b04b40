// Random expressions on random clocks, against a clock that ticks through them one by one; and every change of every
// zone.
#include "jobs/zoned_cron.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/text.h"
#include "jobs/cron_parser.h"

namespace leat {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using namespace std::chrono_literals;

constexpr sys_seconds kFirstDay =
    std::chrono::sys_days(std::chrono::year(1972) / 6 / 1);  // all offsets are whole minutes
constexpr sys_seconds kLastDay = std::chrono::sys_days(std::chrono::year(2037) / 12 / 31);

using Random = std::mt19937_64;

unsigned pick(Random& random, unsigned least, unsigned most) {
  return std::uniform_int_distribution<unsigned>(least, most)(random);
}

// A field as text, with the numbers it means; made by hand, not by the parser.
struct Field {
  std::string text;
  std::uint64_t numbers = 0;

  bool has(std::int64_t number) const { return (numbers >> number & 1) != 0; }
  bool star = false;
};

void add(Field& field, const std::string& text, unsigned from, unsigned to, unsigned step) {
  field.text += (field.text.empty() ? "" : ",") + text;
  for (unsigned number = from; number <= to; number += step) field.numbers |= std::uint64_t{1} << number;
}

void add_item(Random& random, Field& field, unsigned least, unsigned most) {
  const unsigned step = pick(random, 1, (most - least) / 2);
  const unsigned from = pick(random, least, most);
  const unsigned to = pick(random, from, most);
  switch (pick(random, 0, 4)) {
    case 0: add(field, "*/" + std::to_string(step), least, most, step); break;
    case 1: add(field, std::to_string(from) + "-" + std::to_string(to), from, to, 1); break;
    case 2:
      add(field, std::to_string(from) + "-" + std::to_string(to) + "/" + std::to_string(step), from, to, step);
      break;
    case 3: add(field, std::to_string(from) + "/" + std::to_string(step), from, most, step); break;
    default: add(field, std::to_string(from), from, from, 1); break;
  }
}

Field make_field(Random& random, unsigned least, unsigned most, unsigned stars_of_ten) {
  Field field;
  if (pick(random, 1, 10) <= stars_of_ten) {
    add(field, "*", least, most, 1);
  } else {
    for (unsigned count = pick(random, 1, 2); count > 0; --count) add_item(random, field, least, most);
  }
  field.star = field.text.front() == '*';
  return field;
}

struct Expression {
  Field second, minute, hour, day, month, weekday;

  std::string text() const {
    return (second.text.empty() ? "" : second.text + " ") + minute.text + " " + hour.text + " " + day.text + " " +
           month.text + " " + weekday.text;
  }
  bool names_day(std::int64_t count) const {
    const std::chrono::local_days today{std::chrono::days(count)};
    const std::chrono::year_month_day date(today);
    if (!month.has(static_cast<unsigned>(date.month()))) return false;
    const bool by_day = day.has(static_cast<unsigned>(date.day()));
    const bool by_weekday = weekday.has(std::chrono::weekday(today).c_encoding());
    return day.star || weekday.star ? by_day && by_weekday : by_day || by_weekday;
  }
  // In seconds since 1970, as all times here: plain numbers are quick without optimisation.
  bool names(std::int64_t time) const {
    return second.has(time % 60) && minute.has(time / 60 % 60) && hour.has(time / 3600 % 24) && names_day(time / 86400);
  }
};

Expression make_expression(Random& random, bool with_second) {
  Expression made;
  if (with_second) {
    made.second = make_field(random, 0, 59, 2);
  } else {
    made.second.numbers = 1;
  }
  made.minute = make_field(random, 0, 59, 2);
  made.hour = make_field(random, 0, 23, 3);
  made.day = make_field(random, 1, 31, 6);
  made.month = make_field(random, 1, 12, 8);
  made.weekday = make_field(random, 0, 6, 6);
  return made;
}

// A clock on the wall that ticks, and somebody who looks at it at each tick.
class TickingClock {
 public:
  TickingClock(const TimeZone& zone, std::int64_t tick) : zone_(zone), tick_(tick) {}

  std::optional<std::int64_t> first_due(const Expression& cron, std::int64_t after, std::int64_t last) {
    constexpr std::int64_t kFarEnoughBack = 6 * 3600;
    const bool every_hour = cron.hour.numbers == (1U << 24) - 1;
    std::int64_t reached = 0;
    for (std::int64_t t = after - kFarEnoughBack; t <= last; t += tick_) {
      const std::int64_t shown = shown_at(t);
      if (t <= after) {
        reached = std::max(reached, shown);
      } else if (every_hour) {
        if (cron.names(shown)) return t;
      } else {
        for (; reached < shown; reached += tick_) {
          if (cron.names(reached + tick_)) return t;
        }
      }
    }
    return std::nullopt;
  }

 private:
  std::int64_t shown_at(std::int64_t time) {
    if (time < begin_ || time >= end_) {
      const auto period = zone_.period_at(sys_seconds(seconds(time)));
      begin_ = period->begin.time_since_epoch().count();
      end_ = period->end.time_since_epoch().count();
      offset_ = period->offset.count();
    }
    return time + offset_;
  }

  const TimeZone& zone_;
  std::int64_t tick_;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::int64_t offset_ = 0;
};

// Mostly near a change of the clock.
sys_seconds pick_time(Random& random, const TimeZone& zone, minutes around) {
  const auto far = static_cast<unsigned>(around.count());
  std::vector<sys_seconds> changes;
  for (const auto& period : zone.periods()) {
    if (period.begin > kFirstDay && period.begin < kLastDay) changes.push_back(period.begin);
  }
  if (changes.empty() || pick(random, 0, 4) == 0) return kFirstDay + minutes(pick(random, 0, 65U * 525'600));
  const sys_seconds change = changes[pick(random, 0, static_cast<unsigned>(changes.size()) - 1)];
  return change + minutes(pick(random, 0, 2 * far)) - around;
}

void compare_one(Random& random, const TimeZone& zone, seconds tick, minutes around, minutes window, int& found) {
  const Expression expression = make_expression(random, tick < 1min);
  const auto cron = parse_cron(expression.text());
  if (!cron) return;  // never due
  const sys_seconds after = pick_time(random, zone, around);
  const std::int64_t from = after.time_since_epoch().count();
  const auto wanted = TickingClock(zone, tick.count()).first_due(expression, from, from + seconds(window).count());
  const auto due = next_due(*cron, zone, after);
  const std::string what = "\"" + expression.text() + "\" in " + zone.name() + " after " + to_rfc3339(after);
  if (!wanted) {
    ASSERT_TRUE(!due || *due > after + window) << what << ": " << to_rfc3339(*due);
    return;
  }
  ++found;
  ASSERT_TRUE(due) << what;
  ASSERT_EQ(to_rfc3339(*due), to_rfc3339(sys_seconds(seconds(*wanted)))) << what;
}

void compare(std::uint64_t seed, int cases, seconds tick, minutes around, minutes window) {
  Random random(seed);
  const auto names = TimeZone::names();
  int found = 0;
  for (int i = 0; i < cases && !testing::Test::HasFatalFailure(); ++i) {
    const std::string& name = names[pick(random, 0, static_cast<unsigned>(names.size()) - 1)];
    compare_one(random, **TimeZone::find(name), tick, around, window, found);
  }
  EXPECT_GT(found, cases / 3);
}

TEST(ZonedCronTest, AgreesWithAClockThatTicksMinutes) {
  compare(20260329, 10'000, 1min, 4h, 48h);
}

TEST(ZonedCronTest, AgreesWithAClockThatTicksSeconds) {
  compare(20261025, 1'000, 1s, 3h, 3h);
}

// `minute hour day month *` for one local time.
CronExpression yearly_at(LocalTime time) {
  const auto today = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(today);
  const auto minute = std::chrono::floor<minutes>(time - today).count();
  const std::string text = std::to_string(minute % 60) + " " + std::to_string(minute / 60) + " " +
                           std::to_string(static_cast<unsigned>(date.day())) + " " +
                           std::to_string(static_cast<unsigned>(date.month())) + " *";
  const auto cron = parse_cron(text);
  EXPECT_TRUE(cron) << text;
  return *cron;
}

void check_change(const TimeZone& zone, const TimeZone::Period& before, const TimeZone::Period& after) {
  const sys_seconds change = after.begin;
  const seconds jump = after.offset - before.offset;
  const auto middle = std::chrono::floor<minutes>(before.local_end() + jump / 2);
  const CronExpression yearly = yearly_at(middle);
  // Left out: at the change. Shown twice: the first time.
  const SystemTime due = jump > 0s ? change : before.to_sys(middle);
  ASSERT_EQ(next_due(yearly, zone, due - 30h), due);
  ASSERT_EQ(next_due(yearly, zone, due - 1ns), due);
  const auto again = next_due(yearly, zone, due);
  ASSERT_TRUE(again && *again > due + 300 * 24h);
  static const CronExpression kEachMinute = *parse_cron("* * * * *");
  for (SystemTime at = change - 3min; at < change + 3min; at += 1min) {
    ASSERT_EQ(next_due(kEachMinute, zone, at), at + 1min);
  }
  if (jump % 1h != 0s) return;
  static const CronExpression kHourly = *parse_cron("15 * * * *");
  SystemTime at = *next_due(kHourly, zone, change - 4h);
  for (; at < change + 3h; at += 1h) ASSERT_EQ(next_due(kHourly, zone, at), at + 1h);
}

TEST(ZonedCronTest, EveryChangeOfEveryZone) {
  int changes = 0;
  for (const std::string& name : TimeZone::names()) {
    const TimeZone& zone = **TimeZone::find(name);
    for (auto after = std::next(zone.periods().begin()); after < zone.periods().end(); ++after) {
      if (after->begin < kFirstDay || after->begin > kLastDay) continue;
      SCOPED_TRACE(name + " at " + to_rfc3339(after->begin));
      check_change(zone, *std::prev(after), *after);
      if (HasFatalFailure()) return;
      ++changes;
    }
  }
  EXPECT_GT(changes, 20'000);
}

}  // namespace
}  // namespace leat
