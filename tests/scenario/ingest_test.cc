// `leat ingest`, the program itself: events from an SQLite file into today's ClickHouse over HTTP.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "http/http_client.h"
#include "leat/clickhouse.h"
#include "leat/open.h"
#include "tests/support/child_process.h"
#include "tests/support/clickhouse_server.h"
#include "tests/support/comes_true.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class IngestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_not(ClickHouseKind::kFront); !why.empty()) GTEST_SKIP() << why;
    server_.emplace(ClickHouseKind::kFront);
  }
  ChildProcess leat(const std::string& arguments, const std::string& stderr_to = "/dev/null") const {
    return ChildProcess({"/bin/sh", "-c",
                         "LEAT_URL=sqlite:" + (directory_.path() / "i.db").string() +
                             " exec " LEAT_BINARY " ingest --json --clickhouse " + server_->url() + " " + arguments +
                             " 2>" + stderr_to});
  }
  static int code_of(ChildProcess& process) {
    const int status = process.wait();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::uint64_t rows() const {
    const auto engine = open_clickhouse(server_->url()).value();
    return std::stoull(engine->query("SELECT count() FROM processed_envelopes").value());
  }
  void execute(const std::string& sql) const { open_clickhouse(server_->url()).value()->execute(sql).value(); }
  // What it reports at its end; empty when there is no report.
  static json report_of(ChildProcess& process) {
    json report;
    while (const auto line = process.read_line(120s)) {
      if (line->starts_with("{")) report = json::parse(*line, nullptr, false);
    }
    return report;
  }
  // What stands behind `sign` in the first line that has it.
  static std::string told_behind(ChildProcess& process, const std::string& sign) {
    while (const auto line = process.read_line(60s)) {
      if (const auto at = line->find(sign); at != line->npos) return line->substr(at + sign.size());
    }
    return "nothing is told behind " + sign;
  }

  TemporaryDirectory directory_;
  std::optional<ClickHouseServer> server_;
};

TEST_F(IngestTest, EndsWhenAllEventsAreInTheTable) {
  for (std::uint64_t run = 1; run <= 2; ++run) {
    auto ingest = leat("--count 3000 --rate 0");
    const json report = json::parse(ingest.read_line(120s).value_or(""), nullptr, false);
    EXPECT_EQ(code_of(ingest), 0);
    ASSERT_TRUE(report.is_object());
    EXPECT_EQ(report["events"], 3000) << report;
    EXPECT_EQ(report["rows"], 3000) << report;
    EXPECT_EQ(report["exactly_once"], true) << report;
    EXPECT_EQ(rows(), 3000 * run);
  }
}

TEST_F(IngestTest, RunsOnANatsServer) {
  const NatsServer nats;
  auto ingest = leat("--count 3000 --rate 0 --url nats://" + nats.address());
  const json report = report_of(ingest);
  EXPECT_EQ(code_of(ingest), 0);
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["rows"], 3000) << report;
  EXPECT_EQ(report["exactly_once"], true) << report;
  EXPECT_EQ(rows(), 3000U);
}

TEST_F(IngestTest, ASignalEndsItAndTheNextRunTakesWhatIsLeft) {
  auto ingest = leat("--rate 2000", "&1");
  while (const auto line = ingest.read_line(60s)) {
    if (line->find("leads role=ingest.owner") != line->npos) break;
  }
  ingest.send_signal(SIGTERM);
  json first;
  while (const auto line = ingest.read_line(60s)) {
    if (line->starts_with("{")) first = json::parse(*line);
  }
  EXPECT_EQ(code_of(ingest), 0);
  ASSERT_TRUE(first.is_object());
  auto again = leat("--count 1");
  EXPECT_TRUE(again.read_line(120s));
  EXPECT_EQ(code_of(again), 0);
  EXPECT_EQ(rows(), first["events"].get<std::uint64_t>() + 1);
}

TEST_F(IngestTest, TellsItsPhasesAndAnswersProbes) {
  auto ingest = leat("--namespace shop --health 127.0.0.1:0", "&1");
  const std::string address = told_behind(ingest, "health is answered address=");
  for (const char* phase : {"clickhouse", "migrations", "broker stream=processed_envelopes", "mapping", "processes"}) {
    EXPECT_EQ(told_behind(ingest, "phase name="), phase);
  }
  EXPECT_TRUE(told_behind(ingest, "leads role=").starts_with("ingest.owner"));
  for (const char* path : {"/live", "/ready"}) {
    HttpClient client;
    int status = 0;
    const SteadyTime until = real_clock().steady() + 60s;
    while (status != 200 && real_clock().steady() < until) {
      const auto answer = client.send({.method = HttpRequest::Method::kGet, .url = "http://" + address + path});
      status = answer && *answer ? (*answer)->status : 0;
    }
    EXPECT_EQ(status, 200) << path;
  }
  ingest.send_signal(SIGINT);
  EXPECT_EQ(told_behind(ingest, "phase name="), "shutdown");
  EXPECT_EQ(code_of(ingest), 0);
  const auto broker = open_broker("sqlite:" + (directory_.path() / "i.db").string()).value();
  EXPECT_TRUE(broker->admin().stream("shop_pipelines_dlq"));
  EXPECT_TRUE(broker->open_bucket({.name = "shop_pipelines"}).value()->get("ingest.range"));
}

TEST_F(IngestTest, ASecondOneSaysThatItStandsByAndFollows) {
  auto first = leat("--rate 100", "&1");
  EXPECT_TRUE(told_behind(first, "leads role=").starts_with("ingest.owner"));
  auto second = leat("--rate 100 --health 127.0.0.1:0", "&1");
  const std::string probes = "http://" + told_behind(second, "health is answered address=");
  EXPECT_TRUE(told_behind(second, "stands by: another one leads role=").starts_with("ingest.owner holder="));
  HttpClient client;
  EXPECT_TRUE(comes_true([&] {
    const auto answer = client.send({.method = HttpRequest::Method::kGet, .url = probes + "/ready"});
    return answer && *answer && (*answer)->status == 200;
  }));
  auto third = leat("--rate 100", "&1");
  EXPECT_TRUE(told_behind(third, "stands by: another one leads role=").starts_with("ingest.owner holder="));
  third.send_signal(SIGTERM);
  EXPECT_EQ(code_of(third), 0);
  first.send_signal(SIGTERM);
  EXPECT_TRUE(told_behind(second, "leads role=").starts_with("ingest.owner"));
  second.send_signal(SIGTERM);
  EXPECT_EQ(code_of(second), 0);
}

TEST_F(IngestTest, SendsAtItsRate) {
  auto ingest = leat("--count 3000 --rate 1500");
  EXPECT_GE(report_of(ingest).value("milliseconds", 0), 1900);
  EXPECT_EQ(code_of(ingest), 0);
}

TEST_F(IngestTest, WhatIsMissingOrDoubledInTheTableIsAFailure) {
  auto first = leat("--count 100 --rate 0");
  EXPECT_EQ(code_of(first), 0);
  execute("INSERT INTO processed_envelopes SELECT * REPLACE (150 AS sequence) FROM processed_envelopes LIMIT 1");
  auto doubled = leat("--count 100 --rate 0");
  json report = report_of(doubled);
  EXPECT_EQ(code_of(doubled), 1);
  EXPECT_EQ(report["rows"], 101) << report;
  EXPECT_EQ(report["distinct"], 100) << report;
  execute("ALTER TABLE processed_envelopes ADD CONSTRAINT even CHECK end_device_id NOT LIKE '%7'");
  auto missing = leat("--count 100 --rate 0");
  report = report_of(missing);
  EXPECT_EQ(code_of(missing), 1) << report;
  EXPECT_GT(report["dead_letters"], 0) << report;
  EXPECT_EQ(report["rows"].get<int>() + report["dead_letters"].get<int>(), 100) << report;
}

// A runner of migrations that holds the lock of them.
TEST_F(IngestTest, ASignalEndsItWhileItsMigrationWaits) {
  execute("CREATE TABLE leat_migrations_lock (owner String DEFAULT 'somebody') ENGINE = Memory");
  auto ingest = leat("--health 127.0.0.1:0", "&1");
  const std::string probes = "http://" + told_behind(ingest, "health is answered address=");
  EXPECT_EQ(told_behind(ingest, "phase name=migr"), "ations");
  HttpClient client;
  for (const auto& [path, status] : {std::pair("/live", 200), std::pair("/ready", 503)}) {
    const auto answer = client.send({.method = HttpRequest::Method::kGet, .url = probes + path});
    ASSERT_TRUE(answer && *answer) << path;
    EXPECT_EQ((*answer)->status, status) << path;
  }
  const SteadyTime begin = real_clock().steady();
  ingest.send_signal(SIGTERM);
  EXPECT_EQ(code_of(ingest), 0);
  EXPECT_LT(real_clock().steady() - begin, 20s);  // the lock is waited for for a minute
}

// A server that takes a connection and says nothing.
TEST_F(IngestTest, ASignalEndsItWhileItsBrokerCannotBeReached) {
  NatsServer nats;
  nats.freeze();
  auto ingest = leat("--url 'nats://" + nats.address() + "?connect_timeout=3s'", "&1");
  EXPECT_TRUE(told_behind(ingest, "phase name=broker").starts_with(" stream="));
  ingest.send_signal(SIGTERM);
  EXPECT_EQ(code_of(ingest), 0);
}

TEST_F(IngestTest, AProcessThatFailsEndsItWithAnError) {
  auto ingest = leat("", "&1");
  EXPECT_TRUE(told_behind(ingest, "leads role=").starts_with("ingest.owner"));
  execute("DROP TABLE processed_envelopes");
  EXPECT_NE(told_behind(ingest, "\"message\":\"pipeline: ").find("processed_envelopes"), std::string::npos);
  EXPECT_EQ(code_of(ingest), 1);
}

}  // namespace
}  // namespace leat::test
