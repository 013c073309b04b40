#include "leat/metrics.h"

#include <gtest/gtest.h>

#include <string>

#include "core/thread.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

TEST(Metrics, SameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  metrics.counter("jobs_total", "Jobs", {{"queue", "a"}}).add(2);
  metrics.counter("jobs_total", "", {{"queue", "a"}}).add();
  EXPECT_EQ(metrics.counter("jobs_total", "", {{"queue", "a"}}).value(), 3u);
  EXPECT_EQ(metrics.counter("jobs_total", "", {{"queue", "b"}}).value(), 0u);
}

TEST(Metrics, ExpositionIsPrometheusText) {
  Metrics metrics;
  metrics.counter("b_total", "Of b", {{"q", "say \"hi\"\\\n"}}).add(7);
  metrics.counter("a_total", "Of a").add(1);
  EXPECT_EQ(metrics.exposition(),
            "# HELP a_total Of a\n# TYPE a_total counter\na_total 1\n"
            "# HELP b_total Of b\n# TYPE b_total counter\nb_total{q=\"say \\\"hi\\\"\\\\\\n\"} 7\n");
}

TEST(Metrics, HistogramBucketsAreCumulative) {
  Metrics metrics;
  Histogram& histogram = metrics.histogram("wait_seconds", "Waits", {{"q", "a"}});
  histogram.observe(50us);
  histogram.observe(100us);
  histogram.observe(2ms);
  histogram.observe(1h);
  EXPECT_EQ(histogram.count(), 4u);
  const std::string text = metrics.exposition();
  for (const std::string line :
       {"# TYPE wait_seconds histogram\n", "wait_seconds_bucket{q=\"a\",le=\"0.0001\"} 2\n",
        "wait_seconds_bucket{q=\"a\",le=\"0.001\"} 2\n", "wait_seconds_bucket{q=\"a\",le=\"0.003\"} 3\n",
        "wait_seconds_bucket{q=\"a\",le=\"100\"} 3\n", "wait_seconds_bucket{q=\"a\",le=\"+Inf\"} 4\n",
        "wait_seconds_sum{q=\"a\"} 3600.00215\n", "wait_seconds_count{q=\"a\"} 4\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(Metrics, CountsOfManyThreadsAddUp) {
  Metrics metrics;
  {
    const ThreadPool counting("count", 4, [&](std::size_t, const std::stop_token&) {
      Counter& counter = metrics.counter("n_total", "N");
      Histogram& histogram = metrics.histogram("n_seconds", "N");
      for (int i = 0; i < 10'000; ++i) {
        counter.add();
        histogram.observe(1ms);
      }
    });
  }
  EXPECT_EQ(metrics.counter("n_total", "").value(), 40'000u);
  EXPECT_EQ(metrics.histogram("n_seconds", "").count(), 40'000u);
}

}  // namespace
}  // namespace leat
