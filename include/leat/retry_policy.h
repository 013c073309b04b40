// When a failed attempt is tried again.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat {

// The wait after the n-th failed attempt is `table[n-1]` (its last entry for all later ones) or, without a table,
// first * factor^(n-1) + step * (n-1); no longer than `longest`, then spread by the jitter.
struct RetryPolicy {
  Duration first = std::chrono::seconds(1);     // 0 or more
  double factor = 2.0;                          // 1 or more
  Duration longest = std::chrono::minutes(10);  // no wait is longer (before jitter)
  double jitter = 0.1;                          // 0 to 1: the wait is shortened or lengthened by up to this share
  Duration step{0};                             // 0 or more
  std::vector<Duration> table{};                // up to 100 waits, each 0 or more

  static RetryPolicy fixed(Duration wait) { return {.first = wait, .factor = 1, .longest = wait}; }
  static RetryPolicy linear(Duration first, Duration step, Duration longest = std::chrono::minutes(10)) {
    return {.first = first, .factor = 1, .longest = longest, .step = step};
  }
  static RetryPolicy exponential(Duration first, double factor = 2.0, Duration longest = std::chrono::minutes(10)) {
    return {.first = first, .factor = factor, .longest = longest};
  }
  static RetryPolicy of_table(std::vector<Duration> waits) {
    return {.longest = Duration::max(), .table = std::move(waits)};
  }

  // The wait after `failed` attempts (1 or more). `random` is in [0, 1).
  Duration delay(unsigned failed, double random) const;

  // Ok, or kInvalidArgument naming the field.
  Result<void> check() const;
  // As a header of a job carries it (docs/spec/jobs.md). Whole milliseconds.
  std::string to_json() const;
  // kInvalidArgument.
  static Result<RetryPolicy> from_json(std::string_view text);

  bool operator==(const RetryPolicy&) const = default;
};

}  // namespace leat
