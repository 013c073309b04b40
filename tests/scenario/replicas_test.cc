// The services on a cluster: what they make has as many copies as they are told.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "core/text.h"
#include "leat/jetstream_broker.h"
#include "tests/support/child_process.h"
#include "tests/support/clickhouse_server.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

class ReplicasTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_not(ClickHouseKind::kFront); !why.empty()) GTEST_SKIP() << why;
    server_.emplace(ClickHouseKind::kFront);
    cluster_.emplace(nats_server_binaries().back());
    variables_ = "LEAT_URL=nats://" + joined(cluster_->addresses(), ",") + " LEAT_CLICKHOUSE_URL=" + server_->url();
  }
  // Until it owns its pipeline: all that it makes is there then.
  void run_until_it_works(const std::string& command) const {
    ChildProcess process({"/bin/sh", "-c", variables_ + " exec " LEAT_BINARY " " + command + " 2>&1"});
    bool leads = false;
    while (const auto line = leads ? std::nullopt : process.read_line(60s)) {
      leads = line->find("leads role=") != line->npos;
    }
    EXPECT_TRUE(leads) << command;
    process.send_signal(SIGTERM);
    const int status = process.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  void expect_three_copies(const std::vector<std::string>& streams) const {
    const auto broker = open_jetstream_broker({.servers = cluster_->addresses()}).value();
    for (const std::string& name : streams) {
      const auto facts = broker->admin().stream(name);
      ASSERT_TRUE(facts) << name << ": " << facts.error().message();
      EXPECT_EQ(facts->replicas, 3U) << name;
    }
  }

  std::optional<ClickHouseServer> server_;
  std::optional<NatsCluster> cluster_;
  std::string variables_;
};

TEST_F(ReplicasTest, OfBothServicesAreAsTheyAreTold) {
  run_until_it_works("ingest --replicas 3 --namespace many");
  expect_three_copies({"processed_envelopes", "many_pipelines_dlq", "KV_many_pipelines"});
  variables_ +=
      " LEAT_PIPELINE_NAME=rooms LEAT_PIPELINE_STREAM_NAME=rooms LEAT_PIPELINE_STREAM_SUBJECTS=rooms.\\>"
      " LEAT_PIPELINE_CLICKHOUSE_TABLE=processed_envelopes LEAT_PIPELINE_MAPPING_COLUMNS=data=\\$payload"
      " LEAT_PIPELINE_MAPPING_MISSING=zero LEAT_PIPELINE_REPLICAS=3";
  run_until_it_works("pipeline run --namespace few");
  expect_three_copies({"rooms", "few_pipelines_dlq", "KV_few_pipelines"});
}

// Whichever command comes first makes what is missing, and makes it as it is told.
TEST(JobReplicasTest, OfAllThatCommandsMakeAreAsTheyAreTold) {
  NatsCluster cluster(nats_server_binaries().back());
  const auto run = [&](const std::string& command) {
    ChildProcess process({"/bin/sh", "-c",
                          "LEAT_REPLICAS=3 LEAT_URL=nats://" + joined(cluster.addresses(), ",") +
                              " exec " LEAT_BINARY " " + command + " 2>&1"});
    std::string output;
    while (const auto line = process.read_line(60s)) {
      output += *line + "\n";
      if (line->find("worker started") != line->npos) process.send_signal(SIGTERM);
    }
    const int status = process.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << ": " << output;
    EXPECT_EQ(output.find("another setting"), output.npos) << output;
  };
  run("queue list");
  run("schedule list");
  run("workers");
  run("events on");
  run("enqueue count '{}'");
  run("worker --exec count=true");
  const auto broker = open_jetstream_broker({.servers = cluster.addresses()}).value();
  for (const std::string name : {"leat_high", "leat_medium", "leat_low", "leat_scheduled", "leat_done", "leat_dlq",
                                 "leat_events", "KV_leat_attempts", "KV_leat_results", "KV_leat_control",
                                 "KV_leat_leader", "KV_leat_schedules", "KV_leat_workers"}) {
    const auto facts = broker->admin().stream(name);
    ASSERT_TRUE(facts) << name << ": " << facts.error().message();
    EXPECT_EQ(facts->replicas, 3U) << name;
  }
}

}  // namespace
}  // namespace leat::test
