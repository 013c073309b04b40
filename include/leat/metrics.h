// Counters and histograms with labels, and their text form for Prometheus. A worker and a queue that are given one
// (WorkerOptions::metrics, QueueOptions::metrics) count their jobs in it; docs/guide/middleware.md names the metrics.
//
// Look a metric up once and keep the reference: looking up takes a lock, counting is one or two atomic additions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/clock.h"

namespace leat {

// Thread-safe.
class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// How long things took, in buckets that grow by about the square root of ten: 100 us to 100 s. Thread-safe.
class Histogram {
 public:
  void observe(Duration took);
  std::uint64_t count() const;
  Duration sum() const { return Duration{sum_.load(std::memory_order_relaxed)}; }

  // The upper edge of each bucket but the last, which has none.
  static constexpr std::size_t kEdges = 13;
  static const std::array<Duration, kEdges>& edges();
  // How many fell into bucket `index` of kEdges + 1 alone.
  std::uint64_t in_bucket(std::size_t index) const { return buckets_[index].load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kEdges + 1> buckets_{};
  std::atomic<Duration::rep> sum_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;

// Thread-safe. What it returns lives as long as it does.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // The same name and labels give the same metric. A name stands for counters or for histograms, not for both; `help`
  // is taken from the first call.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {});

  // The Prometheus text format, version 0.0.4, ordered by name and labels.
  std::string exposition() const;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace leat
