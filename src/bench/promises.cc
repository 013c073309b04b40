#include "bench/promises.h"

#include <string_view>

namespace leat {
namespace {

struct Promise {
  std::string_view name;    // of the report
  std::string_view broker;  // where it holds; empty: everywhere
  double BenchReport::*figure;
  double needs;
  BenchReport::Bound bound = BenchReport::Bound::kLeast;
};

constexpr Promise kPromises[] = {
    {"enqueue-bulk", "jetstream", &BenchReport::ratio, 0.85},
    {"process-bulk", "jetstream", &BenchReport::ratio, 0.85},
    {"enqueue-addressable", "jetstream", &BenchReport::ratio, 0.85},
    {"process-addressable", "jetstream", &BenchReport::ratio, 0.85},
    {"process-beside-retries", "", &BenchReport::ratio, 0.7},
    {"fan-in", "", &BenchReport::ratio, 0.5},
    {"enqueue-delayed", "", &BenchReport::ratio, 0.6},
    {"move-delayed", "", &BenchReport::per_s, 20'000},
    {"takeover-delayed", "", &BenchReport::p99_ms, 15'000, BenchReport::Bound::kMost},
    {"start-delayed", "", &BenchReport::p99_ms, 50, BenchReport::Bound::kMost},
    {"pipeline", "jetstream", &BenchReport::ratio, 0.7},
    {"pipeline-writer", "", &BenchReport::per_s, 500'000},
    {"cron", "", &BenchReport::each_us, 5, BenchReport::Bound::kMost},
};

bool is_beyond(const Promise& promise, double figure) {
  return promise.bound == BenchReport::Bound::kLeast ? figure < promise.needs : figure > promise.needs;
}

}  // namespace

void judge(BenchReport& report) {
  for (const Promise& promise : kPromises) {
    if (report.name != promise.name || !report.broker.starts_with(promise.broker)) continue;
    using enum BenchReport::Verdict;
    const double figure = report.*promise.figure;
    report.needs = promise.needs;
    report.bound = promise.bound;
    if (report.verdict == kLeftOut) continue;
    report.verdict = figure == 0 ? kNotMeasured : is_beyond(promise, figure) ? kMissed : kKept;
  }
}

bool is_exact(const BenchReport& report) {
  return report.exact || report.verdict == BenchReport::Verdict::kLeftOut;
}

bool is_kept(const BenchReport& report) {
  using enum BenchReport::Verdict;
  return is_exact(report) && (report.verdict == kKept || report.verdict == kLeftOut);
}

}  // namespace leat
