#include "bench/promises.h"

#include <gtest/gtest.h>

#include "bench/measure.h"

namespace leat {
namespace {

using enum BenchReport::Verdict;

BenchReport judged(BenchReport report) {
  judge(report);
  return report;
}

TEST(PromisesTest, AFigureBelowItsThresholdBreaksThePromise) {
  EXPECT_EQ(judged({.name = "process-beside-retries", .broker = "sqlite 3.40.1", .ratio = 0.7}).verdict, kKept);
  const BenchReport slow = judged({.name = "process-beside-retries", .broker = "sqlite 3.40.1", .ratio = 0.69});
  EXPECT_EQ(slow.verdict, kMissed);
  EXPECT_EQ(slow.needs, 0.7);
  EXPECT_EQ(judged({.name = "pipeline-writer", .per_s = 499'999}).verdict, kMissed);
  EXPECT_EQ(judged({.name = "pipeline-writer", .per_s = 500'000}).verdict, kKept);
}

TEST(PromisesTest, AFigureAboveTheMostThatItMayBeBreaksThePromise) {
  EXPECT_EQ(judged({.name = "cron", .each_us = 5}).verdict, kKept);
  const BenchReport slow = judged({.name = "cron", .each_us = 5.01});
  EXPECT_EQ(slow.verdict, kMissed);
  EXPECT_EQ(slow.needs, 5);
  EXPECT_EQ(slow.bound, BenchReport::Bound::kMost);
  EXPECT_EQ(judged({.name = "cron"}).verdict, kNotMeasured);
}

TEST(PromisesTest, HoldsOnItsBroker) {
  EXPECT_EQ(judged({.name = "process-bulk", .broker = "jetstream 2.12.2", .ratio = 0.8}).verdict, kMissed);
  const BenchReport elsewhere = judged({.name = "process-bulk", .broker = "sqlite 3.40.1", .ratio = 0.8});
  EXPECT_EQ(elsewhere.verdict, kKept);
  EXPECT_EQ(elsewhere.needs, 0);
}

TEST(PromisesTest, AFigureThatIsMissingKeepsNoPromise) {
  const BenchReport here = judged({.name = "enqueue-bulk", .broker = "jetstream 2.12.2", .per_s = 1, .exact = true});
  EXPECT_EQ(here.verdict, kNotMeasured);
  EXPECT_TRUE(is_exact(here));
  EXPECT_FALSE(is_kept(here));
  const BenchReport elsewhere = judged({.name = "enqueue-bulk", .broker = "memory 1", .per_s = 100'000});
  EXPECT_EQ(elsewhere.verdict, kKept);  // promised where there is a raw client alone
}

TEST(PromisesTest, WhatIsNotRunIsLeftOut) {
  const BenchReport writer = judged(left_out("pipeline-writer", "there is no ClickHouse"));
  EXPECT_EQ(writer.verdict, kLeftOut);
  EXPECT_EQ(writer.needs, 500'000);
  EXPECT_TRUE(is_exact(writer));
  EXPECT_TRUE(is_kept(writer));
  EXPECT_EQ(writer.note, "pipeline-writer: there is no ClickHouse");
}

TEST(PromisesTest, HowLateADelayedJobMayBe) {
  EXPECT_EQ(judged({.name = "start-delayed", .broker = "sqlite 3.40.1", .p99_ms = 50}).verdict, kKept);
  EXPECT_EQ(judged({.name = "start-delayed", .broker = "sqlite 3.40.1", .p99_ms = 51}).verdict, kMissed);
  EXPECT_EQ(judged({.name = "takeover-delayed", .broker = "sqlite 3.40.1", .p99_ms = 15'001}).verdict, kMissed);
}

TEST(PromisesTest, NothingIsPromisedOfOtherLatencies) {
  const BenchReport latency = judged({.name = "latency", .broker = "jetstream 2.12.2", .p99_ms = 1000});
  EXPECT_EQ(latency.verdict, kKept);
  EXPECT_EQ(latency.needs, 0);
}

}  // namespace
}  // namespace leat
