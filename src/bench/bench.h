// Measures leat against the raw client doing the same work in the same run, and checks that every job came once.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "leat/result.h"

namespace leat {

struct BenchOptions {
  std::string url;
  std::vector<std::string> cases{};  // names as bench_cases() lists them; empty: all that the broker has
  std::size_t jobs = 200'000;        // of the cases that go in bulk; the others scale it down
  std::size_t payload = 128;         // bytes; 32 or more
  std::size_t batch = 5'000;         // jobs per push_many, and messages per pull of the raw client
  unsigned concurrency = 2;          // handler threads
  unsigned rounds = 3;               // leat and raw in turn; the median counts
  std::string clickhouse{};          // URL of the pipeline's; its engine in this process unless given
  std::string library{};             // libchdb.so, for that engine; looked for unless given
  std::string program;               // this binary: the latency case runs its worker in a process of its own
};

struct BenchReport {
  std::string name;
  std::string broker;  // empty: the case uses none
  std::string durability;
  std::size_t jobs = 0;
  double per_s = 0;
  double raw_per_s = 0;  // 0: there is no raw client for it
  double ratio = 0;      // the median of the rounds' ratios; 0 without a raw figure
  double p50_ms = 0;     // latency only
  double p99_ms = 0;     // latency only
  double fsync_ms =
      0;  // latency only: the 99th percentile of an fsync of 4 KiB beside the database, or in the temporary directory
  double each_us = 0;  // cron only: microseconds to find one run
  bool exact = false;  // each job came once, each run of cron after the one before
  double needs = 0;    // what is promised of the ratio, or of a figure of its own; 0: nothing
  enum class Bound { kLeast, kMost } bound = Bound::kLeast;  // what `needs` is
  enum class Verdict {
    kKept,         // or nothing is promised
    kMissed,       // the figure is beyond its bound
    kNotMeasured,  // it was asked for, and there is no figure
    kLeftOut,      // not run: not asked for, or this broker cannot have it
  } verdict = Verdict::kKept;
  std::string note;  // why something is missing
};

std::vector<std::string> bench_cases();

// False when none of the cases that are asked for uses a broker: `url` may be empty then.
bool needs_broker(const BenchOptions& options);

// Calls `report` after each case. Errors: kInvalidArgument (unknown case), what open_broker() returns.
Result<void> run_bench(const BenchOptions& options, const std::function<void(const BenchReport&)>& report);

// The worker process of the latency case: runs until it has seen `jobs` jobs or `max_wait` passes, then prints each
// job's microseconds from enqueue to start, a line each.
int run_latency_worker(const std::string& url, const std::string& name_space, std::size_t jobs);

}  // namespace leat
