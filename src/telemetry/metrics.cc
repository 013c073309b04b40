#include "leat/metrics.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "core/mutex.h"

namespace leat {
namespace {

constexpr auto kMicroseconds = [](std::int64_t count) { return Duration{std::chrono::microseconds(count)}; };
constexpr std::array<Duration, Histogram::kEdges> kEdgeTable{
    kMicroseconds(100),        kMicroseconds(300),       kMicroseconds(1'000),      kMicroseconds(3'000),
    kMicroseconds(10'000),     kMicroseconds(30'000),    kMicroseconds(100'000),    kMicroseconds(300'000),
    kMicroseconds(1'000'000),  kMicroseconds(3'000'000), kMicroseconds(10'000'000), kMicroseconds(30'000'000),
    kMicroseconds(100'000'000)};

std::string seconds(Duration duration) {
  std::array<char, 40> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.9g", std::chrono::duration<double>(duration).count());
  return {text.data(), static_cast<std::size_t>(length)};
}

void append_escaped(std::string& out, std::string_view text, std::string_view special) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (special.find(c) != special.npos) out += '\\';
      out += c;
    }
  }
}

std::string render(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out.append(name).append("=\"");
    append_escaped(out, value, "\\\"");
    out += '"';
  }
  return out;
}

void append_head(std::string& out, const std::string& name, const std::string& help, std::string_view type) {
  out.append("# HELP ").append(name).append(" ");
  append_escaped(out, help, "\\");
  out.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix, const std::string& labels,
                   const std::string& value) {
  out.append(name).append(suffix);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(value).append("\n");
}

void append_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const Histogram& histogram) {
  const std::string before = labels.empty() ? "" : labels + ",";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= Histogram::kEdges; ++i) {
    below += histogram.in_bucket(i);
    const std::string edge = i < Histogram::kEdges ? seconds(Histogram::edges()[i]) : "+Inf";
    append_sample(out, name, "_bucket", before + "le=\"" + edge + "\"", std::to_string(below));
  }
  append_sample(out, name, "_sum", labels, seconds(histogram.sum()));
  append_sample(out, name, "_count", labels, std::to_string(below));
}

template <class Metric>
struct MetricFamily {
  std::string help;
  std::map<std::string, std::unique_ptr<Metric>> by_labels;  // `a="1",b="2"`, escaped
};

}  // namespace

class Metrics::Families {
 public:
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels) {
    MutexLock lock(mutex_);
    return find_or_add(counters_, name, help, labels);
  }
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels) {
    MutexLock lock(mutex_);
    return find_or_add(histograms_, name, help, labels);
  }
  std::string exposition() const;

 private:
  template <class Metric>
  using ByName = std::map<std::string, MetricFamily<Metric>, std::less<>>;

  template <class Metric>
  static Metric& find_or_add(ByName<Metric>& families, std::string_view name, std::string_view help,
                             const Labels& labels) {
    auto family = families.find(name);
    if (family == families.end()) family = families.try_emplace(std::string(name)).first;
    if (family->second.help.empty()) family->second.help = help;
    auto& metric = family->second.by_labels[render(labels)];
    if (metric == nullptr) metric = std::make_unique<Metric>();
    return *metric;
  }

  mutable Mutex mutex_;
  ByName<Counter> counters_ LEAT_GUARDED_BY(mutex_);
  ByName<Histogram> histograms_ LEAT_GUARDED_BY(mutex_);
};

const std::array<Duration, Histogram::kEdges>& Histogram::edges() {
  return kEdgeTable;
}

void Histogram::observe(Duration took) {
  const auto edge = std::lower_bound(kEdgeTable.begin(), kEdgeTable.end(), took);
  buckets_[static_cast<std::size_t>(edge - kEdgeTable.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(took.count(), std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t count = 0;
  for (const auto& bucket : buckets_) count += bucket.load(std::memory_order_relaxed);
  return count;
}

std::string Metrics::Families::exposition() const {
  std::string out;
  MutexLock lock(mutex_);
  for (const auto& [name, family] : counters_) {
    append_head(out, name, family.help, "counter");
    for (const auto& [labels, counter] : family.by_labels) {
      append_sample(out, name, "", labels, std::to_string(counter->value()));
    }
  }
  for (const auto& [name, family] : histograms_) {
    append_head(out, name, family.help, "histogram");
    for (const auto& [labels, histogram] : family.by_labels) append_histogram(out, name, labels, *histogram);
  }
  return out;
}

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return families_->counter(name, help, labels);
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, const Labels& labels) {
  return families_->histogram(name, help, labels);
}

std::string Metrics::exposition() const {
  return families_->exposition();
}

}  // namespace leat
