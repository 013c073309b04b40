// `leat bench`, the program itself: what its cases need.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "tests/support/child_process.h"
#include "tests/support/clickhouse_server.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(BenchTest, TheWriterNeedsNoBroker) {
  if (const std::string why = why_not(ClickHouseKind::kDebian); !why.empty()) GTEST_SKIP() << why;
  const ClickHouseServer server(ClickHouseKind::kDebian);
  ChildProcess bench({LEAT_BINARY, "bench", "--json", "--case", "pipeline-writer", "--jobs", "1000", "--rounds", "1",
                      "--clickhouse", server.url()});
  const json report = json::parse(bench.read_line(60s).value_or(""), nullptr, false);
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["exact"], true) << report;
  EXPECT_EQ(report["jobs"], 5000) << report;
  const int status = bench.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// Whatever the figures are: the exit code says what the report does.
TEST(BenchTest, CheckFailsWithAFigureThatMissesWhatItNeeds) {
  if (const std::string why = why_not(ClickHouseKind::kDebian); !why.empty()) GTEST_SKIP() << why;
  const ClickHouseServer server(ClickHouseKind::kDebian);
  for (const bool check : {false, true}) {
    std::vector<std::string> line{LEAT_BINARY, "bench",    "--json", "--case",       "pipeline-writer", "--jobs",
                                  "1000",      "--rounds", "1",      "--clickhouse", server.url()};
    if (check) line.emplace_back("--check");
    ChildProcess bench(line);
    const json report = json::parse(bench.read_line(60s).value_or(""), nullptr, false);
    ASSERT_TRUE(report.is_object());
    EXPECT_EQ(report["needs"], 500'000) << report;
    EXPECT_EQ(report["verdict"], report["per_s"] >= 500'000 ? "kept" : "missed") << report;
    const int status = bench.wait();
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), check && report["verdict"] == "missed" ? 1 : 0) << report;
  }
}

TEST(BenchTest, CronNeedsNoBroker) {
  ChildProcess bench({LEAT_BINARY, "bench", "--json", "--case", "cron"});
  const json report = json::parse(bench.read_line(60s).value_or(""), nullptr, false);
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["jobs"], 10'000) << report;
  EXPECT_EQ(report["exact"], true) << report;
  EXPECT_GT(report["each_us"], 0) << report;
  EXPECT_EQ(report["needs"], 5) << report;
  EXPECT_EQ(report["verdict"], report["each_us"] <= 5 ? "kept" : "missed") << report;
  const int status = bench.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// Cases with more processes than one are none of the memory broker's.
TEST(BenchTest, WhatABrokerCannotHaveIsSaidAndDoesNotFail) {
  ChildProcess bench({LEAT_BINARY, "bench", "--url", "memory:", "--case", "latency,start-delayed", "--check"});
  std::string told;
  while (const auto line = bench.read_line(60s)) told += *line + "\n";
  EXPECT_NE(told.find("note: latency: this broker lives in one process"), told.npos) << told;
  EXPECT_NE(told.find("note: start-delayed: this broker lives in one process"), told.npos) << told;
  const int status = bench.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status << told;
}

TEST(BenchTest, OtherCasesNeedOne) {
  ChildProcess bench(
      {"/bin/sh", "-c", "unset LEAT_URL; exec " LEAT_BINARY " bench --case pipeline-writer,pipeline 2>&1"});
  EXPECT_EQ(bench.read_line(30s).value_or(""), "leat: no broker URL: give --url sqlite:bench.db or nats://HOST");
  const int status = bench.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << status;
}

}  // namespace
}  // namespace leat::test
