#include "jobs/cron_parser.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "core/invalid_argument.h"
#include "core/text.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 12> kMonthNames{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdayNames{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

// How a field is written.
struct Spelling {
  const CronField& field;
  const char* expected;
  unsigned highest;  // that may be written: 7 is Sunday too
  std::span<const std::string_view> names{};
  bool over_the_end = false;  // a range may go there
  bool is_day = false;
};
constexpr std::array<Spelling, 6> kSpellings{{{kCronSecond, "0 to 59", 59},
                                              {kCronMinute, "0 to 59", 59},
                                              {kCronHour, "0 to 23", 23},
                                              {.field = kCronDay, .expected = "1 to 31", .highest = 31, .is_day = true},
                                              {.field = kCronMonth,
                                               .expected = "1 to 12 or jan to dec",
                                               .highest = 12,
                                               .names = kMonthNames,
                                               .over_the_end = true},
                                              {kCronWeekday, "0 to 7 or sun to sat", 7, kWeekdayNames, true, true}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNamed{{{"@yearly", "0 0 1 1 *"},
                                                                               {"@annually", "0 0 1 1 *"},
                                                                               {"@monthly", "0 0 1 * *"},
                                                                               {"@weekly", "0 0 * * 0"},
                                                                               {"@daily", "0 0 * * *"},
                                                                               {"@midnight", "0 0 * * *"},
                                                                               {"@hourly", "0 * * * *"}}};

// Splits at the first `mark`; the second part is empty without one.
std::pair<std::string_view, std::optional<std::string_view>> split(std::string_view text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == text.npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

// All pieces are views into the one text, which tells their positions.
class CronParser {
 public:
  CronParser(std::string_view text, std::size_t first_position) : text_(text), first_position_(first_position) {}

  Result<CronExpression> parse() const;

 private:
  std::vector<std::string_view> words() const;
  Result<CronSet> read_field(std::string_view word, const Spelling& spelling) const;
  Result<CronSet> read_item(std::string_view item, const Spelling& spelling) const;
  Result<CronSet> read_range(std::string_view first, std::string_view last, unsigned step,
                             const Spelling& spelling) const;
  Result<unsigned> read_number(std::string_view word, const Spelling& spelling) const;
  Result<unsigned> read_step(std::string_view word, const Spelling& spelling) const;
  Error refused_at(std::string_view piece, const std::string& why) const;
  std::string position_of(std::string_view piece) const;

  std::string_view text_;
  std::size_t first_position_;
};

std::string CronParser::position_of(std::string_view piece) const {
  return " at position " + std::to_string(static_cast<std::size_t>(piece.data() - text_.data()) + first_position_);
}

// "minute is 0 to 59, and 61 stands at position 1"
Error CronParser::refused_at(std::string_view piece, const std::string& why) const {
  const std::string shown = piece.empty()         ? "nothing"
                            : parse_number(piece) ? std::string(piece)
                                                  : "\"" + std::string(piece) + "\"";
  return invalid_argument(why + ", and " + shown + " stands" + position_of(piece));
}

std::vector<std::string_view> CronParser::words() const {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t";
  std::size_t at = text_.find_first_not_of(kBlanks);
  while (at != text_.npos) {
    const std::size_t end = std::min(text_.find_first_of(kBlanks, at), text_.size());
    words.push_back(text_.substr(at, end - at));
    at = text_.find_first_not_of(kBlanks, end);
  }
  return words;
}

Result<unsigned> CronParser::read_number(std::string_view word, const Spelling& spelling) const {
  if (const auto number = parse_number(word);
      number && *number >= spelling.field.first && *number <= spelling.highest) {
    return static_cast<unsigned>(*number);
  }
  const auto name = std::find(spelling.names.begin(), spelling.names.end(), lower_case(word));
  if (name != spelling.names.end()) {
    return static_cast<unsigned>(name - spelling.names.begin()) + spelling.field.first;
  }
  return refused_at(word, std::string(spelling.field.name) + " is " + spelling.expected);
}

Result<unsigned> CronParser::read_step(std::string_view word, const Spelling& spelling) const {
  const unsigned longest = spelling.field.count() - 1;
  if (const auto step = parse_number(word); step && *step >= 1 && *step <= longest) return static_cast<unsigned>(*step);
  const std::string why = "the step of " + std::string(spelling.field.name) + " is 1 to " + std::to_string(longest);
  const bool of_time = !spelling.is_day && spelling.names.empty();
  return refused_at(word, why + (of_time ? " (write @every 90m for longer ones)" : ""));
}

Result<CronSet> CronParser::read_range(std::string_view first, std::string_view last, unsigned step,
                                       const Spelling& spelling) const {
  const auto from = read_number(first, spelling);
  if (!from) return from.error();
  const auto to = read_number(last, spelling);
  if (!to) return to.error();
  const CronField& field = spelling.field;
  if (*from > *to && !spelling.over_the_end) {
    std::string why =
        "the range " + std::string(first) + "-" + std::string(last) + " of " + field.name + position_of(first);
    return invalid_argument(why + " is reversed: write " + std::string(first) + "-" + std::to_string(field.last) + "," +
                            std::to_string(field.first) + "-" + std::string(last));
  }
  // A 7 that begins a range is the 0 of Sunday; one that ends it comes after Saturday.
  const unsigned begin = *from > field.last ? field.first : *from;
  const unsigned end = *from > field.last && *to > field.last ? field.first : *to;
  CronSet set = 0;
  for (unsigned number = begin; number <= (end < begin ? end + field.count() : end); number += step) {
    set |= CronSet{1} << ((number - field.first) % field.count() + field.first);
  }
  return set;
}

// `*`, `n` or `a-b`, each with or without `/step`.
Result<CronSet> CronParser::read_item(std::string_view item, const Spelling& spelling) const {
  const auto [span, step_word] = split(item, '/');
  unsigned step = 1;
  if (step_word) {
    const auto read = read_step(*step_word, spelling);
    if (!read) return read.error();
    step = *read;
  }
  const auto [first, last] = split(span, '-');
  if (last) return read_range(first, *last, step, spelling);
  unsigned from = spelling.field.first;
  if (span != "*") {
    const auto number = read_number(span, spelling);
    if (!number) return number.error();
    from = *number > spelling.field.last ? spelling.field.first : *number;
    if (!step_word) return CronSet{1} << from;
  }
  CronSet set = 0;
  for (unsigned number = from; number <= spelling.field.last; number += step) set |= CronSet{1} << number;
  return set;
}

Result<CronSet> CronParser::read_field(std::string_view word, const Spelling& spelling) const {
  if (spelling.is_day && word == "?") return spelling.field.all();
  CronSet set = 0;
  for (std::optional<std::string_view> rest = word; rest;) {
    const auto [item, others] = split(*rest, ',');
    const auto read = read_item(item, spelling);
    if (!read) return read.error();
    set |= *read;
    rest = others;
  }
  return set;
}

bool is_free(std::string_view day_field) {
  return day_field.front() == '*' || day_field.front() == '?';
}

Result<CronExpression> CronParser::parse() const {
  std::vector<std::string_view> fields = words();
  if (fields.size() == 5) fields.insert(fields.begin(), "0");
  if (fields.size() != kSpellings.size()) {
    return invalid_argument(
        "5 fields are expected (minute, hour, day of month, month, day of week) or 6 (a second in front), and there "
        "are " +
        std::to_string(fields.size()));
  }
  std::array<CronSet, kSpellings.size()> sets{};
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto set = read_field(fields[i], kSpellings[i]);
    if (!set) return set.error();
    sets[i] = *set;
  }
  CronExpression cron{sets[0], sets[1], sets[2], sets[3], sets[4], sets[5], !is_free(fields[3]) && !is_free(fields[5])};
  if (cron.either_day && (cron.days == kCronDay.all() || cron.weekdays == kCronWeekday.all())) {
    cron.days = kCronDay.all();
    cron.weekdays = kCronWeekday.all();
    cron.either_day = false;
  }
  if (!cron.can_match()) return invalid_argument("it can never be due: none of its months has such a day");
  return cron;
}

Error unknown_name(std::string_view name) {
  return invalid_argument(
      "\"" + std::string(name) +
      "\" is not known; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every 5m");
}

}  // namespace

Result<CronExpression> parse_cron(std::string_view text, std::size_t first_position) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  if (!text.substr(begin).starts_with('@')) return CronParser(text, first_position).parse();
  const std::string_view name = text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
  for (const auto& [known, fields] : kNamed) {
    if (lower_case(name) == known) return CronParser(fields, 1).parse();
  }
  return unknown_name(name);
}

}  // namespace leat
