// When something that recurs is due next: a cron expression in a time zone, or a fixed interval.
//
// The language (docs/guide/cron.md has it with examples):
//   five fields   minute hour day-of-month month day-of-week
//   six fields    the same with a second in front
//   a field       a list, by commas, of: `*`, `n`, `a-b`, and each of them with a step: `*/n`, `a-b/n`, `a/n` (from a
//   to
//                 the end); `jan` to `dec`, `sun` to `sat` in any case; 7 is Sunday too; `?` is `*` in the two day
//                 fields; ranges of months and of weekdays may go over the end (`nov-feb`, `fri-mon`)
//   a name        `@yearly` (`@annually`), `@monthly`, `@weekly`, `@daily` (`@midnight`), `@hourly`
//   an interval   `@every 90s`, with a duration of one unit: 90s, 5m, 2h, 7d
//
// Which days: a day field that begins with `*` or `?` leaves its days free, and the other one decides (a `*/2` narrows
// it further). When neither begins so, a day that either of them names is one, as in Vixie's cron.
//
// Where a zone's clock is put forward or back, it depends on the field of the hour:
// - It leaves hours out (`30 2 * * *`, `0 */2 * * *`, `*/10 1-3 * * *`): a local time is due when the zone's clock
// first
//   shows it or jumps over it. So a time that is left out is due at the first instant after the jump, all times of one
//   jump together, once; a time that the clock shows twice is due the first time only.
// - It has every hour (`*/10 * * * *`, `0 * * * *`): the expression is due whenever the zone's clock shows such a time,
// thus
//   in steps of real time as long as clocks are moved by whole hours. What is left out is not made up for, and what is
//   shown twice is due twice.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat {

// A value; copying is cheap beside using it. Thread-safe as a `const` value is.
class Recurrence {
 public:
  // `zone` is an IANA name (`Europe/Berlin`); empty: UTC, or what a leading `TZ=Europe/Berlin ` or `CRON_TZ=` of the
  // expression says. At most 256 bytes. `@every` counts from 1970 (see `anchored`) and does not look at the zone.
  // Errors: kInvalidArgument, with the place and the remedy, also when no day could ever match (30 February), the zone
  // is unknown, or two zones are named; kUnavailable when this machine has no time zone database that can be used
  // (every zone but UTC needs it: Debian's package tzdata).
  static Result<Recurrence> cron(std::string_view expression, std::string_view zone = {});

  // Due at `anchor` plus or minus any multiple of `interval`: 1 s to 3650 d, in whole milliseconds, else
  // kInvalidArgument.
  static Result<Recurrence> every(Duration interval, SystemTime anchor = {});

  Recurrence(const Recurrence& other);
  Recurrence& operator=(const Recurrence& other);
  ~Recurrence();

  // The same with an interval's multiples counted from `anchor`. A cron expression stays as it is.
  Recurrence anchored(SystemTime anchor) const;

  // The first time after `after` and not at it; a whole second, but for intervals. Empty only past 2262, where
  // SystemTime ends. The zone's rules are those that the machine had when the process first used the zone; from 2038
  // on, a zone keeps the offset with which it left 2037.
  std::optional<SystemTime> next(SystemTime after) const;

  // The one way to write it that all expressions of the same meaning share: `0 9 * * 1-5`, `@every 90s`; without the
  // zone. `cron(expression(), zone())` is the same recurrence (apart from the anchor).
  std::string expression() const;
  // "UTC" when none was given.
  std::string zone() const;

 private:
  struct Rule;
  explicit Recurrence(const Rule& rule);

  std::unique_ptr<Rule> rule_;
};

}  // namespace leat
