#include "bench/cron.h"

#include <array>
#include <chrono>
#include <string_view>
#include <vector>

#include "bench/measure.h"
#include "leat/recurrence.h"

namespace leat {
namespace {

constexpr std::size_t kRuns = 200;  // of each
constexpr auto kBegin = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

struct Expression {
  std::string_view text;
  std::string_view zone;
};

// Of all kinds: fields that are free, listed, stepped and named; days of either field and of both; hours that are left
// out and shown twice; clocks that are never moved, moved by half an hour, and moved on the southern half of the earth.
constexpr std::array<Expression, 50> kExpressions{{
    {"* * * * * *", ""},
    {"*/15 * * * * *", "Europe/Berlin"},
    {"30 * * * * *", "America/New_York"},
    {"* * * * *", ""},
    {"* * * * *", "Europe/Berlin"},
    {"*/2 * * * *", "Asia/Kolkata"},
    {"*/5 * * * *", "America/Los_Angeles"},
    {"*/10 * * * *", "Europe/London"},
    {"*/15 8-18 * * mon-fri", "Europe/Paris"},
    {"5/15 * * * *", "Australia/Lord_Howe"},
    {"7,23,41 * * * *", "Asia/Kathmandu"},
    {"0-29/3 * * * *", "America/St_Johns"},
    {"@hourly", ""},
    {"@hourly", "Europe/Berlin"},
    {"0 * * * *", "Australia/Lord_Howe"},
    {"15 */2 * * *", "America/Sao_Paulo"},
    {"0 */6 * * *", "Asia/Tokyo"},
    {"45 1,13 * * *", "Africa/Cairo"},
    {"0 9-17 * * *", "Asia/Singapore"},
    {"0 22-23,0-3 * * *", "Europe/Madrid"},
    {"@daily", ""},
    {"@daily", "Asia/Beirut"},
    {"30 2 * * *", "Europe/Berlin"},
    {"30 2 * * *", "America/New_York"},
    {"30 1 * * *", "Europe/London"},
    {"*/20 2 * * *", "Europe/Berlin"},
    {"15 2 * * *", "Australia/Sydney"},
    {"59 23 * * *", "Pacific/Auckland"},
    {"0 9 * * mon-fri", "Europe/Berlin"},
    {"0 9 * * mon-fri", "America/Chicago"},
    {"30 18 * * fri", "Europe/Vienna"},
    {"0 6 * * sat,sun", "America/Denver"},
    {"0 0 * * fri-mon", "Africa/Casablanca"},
    {"@weekly", "Europe/Helsinki"},
    {"@monthly", ""},
    {"@monthly", "America/Toronto"},
    {"0 3 1,15 * *", "Europe/Zurich"},
    {"0 4 28-31 * *", "Asia/Shanghai"},
    {"0 5 31 * *", "America/Mexico_City"},
    {"0 12 13 * fri", ""},
    {"0 12 */2 * fri", "Europe/Rome"},
    {"0 12 ? * wed", "Asia/Seoul"},
    {"0 8 1 */3 *", "Europe/Stockholm"},
    {"0 8 1 jan,apr,jul,oct *", "Asia/Dubai"},
    {"0 7 * nov-feb mon", "America/Santiago"},
    {"30 6 15 6 *", "Europe/Athens"},
    {"@yearly", ""},
    {"@yearly", "Pacific/Chatham"},
    {"0 0 31 12 *", "Asia/Tehran"},
    {"0 0 29 2 *", "Europe/Berlin"},
}};

// Whether each run came after the one before. What is rare begins anew where time ends.
bool run_through(const Recurrence& recurrence) {
  SystemTime at = kBegin;
  for (std::size_t i = 0; i < kRuns; ++i) {
    const auto next = recurrence.next(at);
    if (next && *next <= at) return false;
    if (!next && at == kBegin) return false;
    at = next.value_or(kBegin);
  }
  return true;
}

}  // namespace

BenchReport measure_cron(const BenchOptions& options) {
  BenchReport report{.name = "cron", .jobs = kExpressions.size() * kRuns, .exact = true};
  std::vector<Recurrence> recurrences;
  for (const Expression& one : kExpressions) {
    const auto recurrence = Recurrence::cron(one.text, one.zone);
    if (!recurrence && recurrence.error().code() == ErrorCode::kUnavailable) {
      return left_out("cron", recurrence.error().message());  // this machine has no time zones
    }
    recurrences.push_back(recurrence.value());
  }
  std::vector<double> each_us;
  for (unsigned round = 0; round < options.rounds; ++round) {
    const SteadyTime begin = real_clock().steady();
    for (const Recurrence& recurrence : recurrences) report.exact = run_through(recurrence) && report.exact;
    each_us.push_back(1e6 * seconds_since(begin) / static_cast<double>(report.jobs));
  }
  report.each_us = median(each_us);
  return report;
}

}  // namespace leat
