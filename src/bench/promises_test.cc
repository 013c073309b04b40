#include "bench/promises.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

BenchReport judged(BenchReport report) {
  judge(report);
  return report;
}

TEST(PromisesTest, AFigureBelowItsThresholdBreaksThePromise) {
  EXPECT_TRUE(judged({.name = "process-beside-retries", .broker = "sqlite 3.40.1", .ratio = 0.7}).kept);
  const BenchReport slow = judged({.name = "process-beside-retries", .broker = "sqlite 3.40.1", .ratio = 0.69});
  EXPECT_FALSE(slow.kept);
  EXPECT_EQ(slow.needs, 0.7);
  EXPECT_FALSE(judged({.name = "pipeline-writer", .per_s = 499'999}).kept);
  EXPECT_TRUE(judged({.name = "pipeline-writer", .per_s = 500'000}).kept);
}

TEST(PromisesTest, HoldsOnItsBroker) {
  EXPECT_FALSE(judged({.name = "process-bulk", .broker = "jetstream 2.12.2", .ratio = 0.8}).kept);
  const BenchReport elsewhere = judged({.name = "process-bulk", .broker = "sqlite 3.40.1", .ratio = 0.8});
  EXPECT_TRUE(elsewhere.kept);
  EXPECT_EQ(elsewhere.needs, 0);
}

TEST(PromisesTest, WhatWasNotMeasuredOrNotPromisedBreaksNone) {
  EXPECT_TRUE(judged({.name = "fan-in", .broker = "memory"}).kept);
  const BenchReport latency = judged({.name = "latency", .broker = "jetstream 2.12.2", .p99_ms = 1000});
  EXPECT_TRUE(latency.kept);
  EXPECT_EQ(latency.needs, 0);
}

}  // namespace
}  // namespace leat
