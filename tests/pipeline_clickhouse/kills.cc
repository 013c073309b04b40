// Pipelines that are killed, frozen and ended, and servers that go and come, at random: each message is a row once.
#include <signal.h>

#include <cstdlib>
#include <random>

#include "core/ulid.h"
#include "tests/pipeline_clickhouse/pipeline_processes.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/clickhouse_server.h"
#include "tests/support/soak.h"

namespace leat::test {
namespace {

struct Stage {
  std::string broker;
  ClickHouseKind kind = ClickHouseKind::kFront;
  bool window = true;  // else every row is there at least once
};

std::ostream& operator<<(std::ostream& out, const Stage& stage) {
  return out << stage.broker;
}

class Kills : public testing::TestWithParam<Stage> {
 protected:
  void SetUp() override {
    if (const std::string why = why_not(GetParam().kind); !why.empty()) GTEST_SKIP() << why;
    if (is_soak()) rounds_ = 200;
    seed_ = std::random_device()();
    if (const char* seed = std::getenv("LEAT_SEED")) seed_ = static_cast<unsigned>(std::stoul(seed));
    random_.seed(seed_);
    server_ = std::make_unique<ClickHouseServer>(GetParam().kind);
    engine_ = open_clickhouse(server_->url()).value();
    fixture_ = make_broker_fixture(GetParam().broker);
    broker_ = fixture_->open();
    make_events(*broker_);
    table_ = fresh_name();
    engine_
        ->execute("CREATE TABLE " + table_ + " (" + kNumbersColumns + ") ENGINE = MergeTree ORDER BY seq" +
                  (GetParam().window ? " SETTINGS non_replicated_deduplication_window = 1000" : ""))
        .value();
  }

  // Each message is stored once, however often it has to be sent. Every so often one that is no row.
  void produce() {
    const bool with_bad = random_() % 2 == 0;
    std::vector<AppendRequest> requests;
    for (int i = 0; i < 2000; ++i, ++next_) {
      const bool junk = with_bad && random_() % 700 == 0;
      const bool refused = with_bad && !junk && random_() % 1500 == 0;
      bad_ += junk || refused ? 1 : 0;
      if (!junk && !refused) sum_ += next_;
      const std::string number = std::to_string(refused ? kRefused + next_ : next_);
      requests.push_back({.message = {"events.a", {}, junk ? "junk " + number : number},
                          .message_id = run_ + "-" + std::to_string(next_)});
    }
    ASSERT_TRUE(comes_true([&] {
      std::vector<AppendRequest> again;
      const auto appended = broker_->append("events", requests);
      for (std::size_t i = 0; i < requests.size(); ++i) {
        if (!appended[i]) again.push_back(requests[i]);
      }
      requests = std::move(again);
      return requests.empty();
    }));
  }

  std::unique_ptr<ChildProcess> start() { return start_pipeline(fixture_->address(), server_->url(), table_); }
  void pause(unsigned most_ms) {
    comes_true([] { return false; }, std::chrono::milliseconds(random_() % most_ms));
  }

  void trouble(std::unique_ptr<ChildProcess>& child) {
    using Shutdown = ClickHouseServer::Shutdown;
    const bool kill = random_() % 2 == 0;
    switch (random_() % 6) {
      case 0:
      case 1:
        child->send_signal(SIGKILL);
        child = start();
        return;
      case 2:
        child->send_signal(SIGTERM);
        child = start();
        return;
      case 3:
        child->send_signal(SIGSTOP);
        pause(8000);
        child->send_signal(SIGCONT);
        return;
      case 4:
        server_->stop(kill ? Shutdown::kKill : Shutdown::kTerminate);
        pause(500);
        server_->start();
        return;
      default:
        if (!fixture_->has_server()) return;
        // Killed, a server before 2.10 may lose what it was told last.
        fixture_->stop_server(kill && GetParam().broker.find("2_9") == std::string::npos
                                  ? BrokerFixture::Shutdown::kKill
                                  : BrokerFixture::Shutdown::kTerminate);
        pause(500);
        fixture_->start_server();
    }
  }

  bool all_there() {
    return comes_true([&] { return counted("uniqExact(n)") >= next_ - bad_; }, 120s);
  }
  std::uint64_t counted(const std::string& what) {
    return std::stoull(engine_->query("SELECT " + what + " FROM " + table_).value_or("0"));
  }

  const std::string run_ = make_ulid(real_clock().now());
  unsigned seed_ = 0;
  std::minstd_rand random_;
  int rounds_ = 10;
  std::uint64_t next_ = 0;  // numbers
  std::uint64_t sum_ = 0;   // of those that become rows
  std::uint64_t bad_ = 0;
  std::unique_ptr<ClickHouseServer> server_;
  std::unique_ptr<ClickHouse> engine_;
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
  std::string table_;
};

TEST_P(Kills, EachMessageIsARow) {
  std::vector<std::unique_ptr<ChildProcess>> children;
  children.push_back(start());
  children.push_back(start());
  for (int round = 0; round < rounds_; ++round) {
    produce();
    pause(400);
    trouble(children[random_() % children.size()]);
  }
  ASSERT_TRUE(all_there()) << numbers_in(*engine_, table_) << ", seed " << seed_;
  for (auto& child : children) {
    child->send_signal(SIGTERM);
    EXPECT_EQ(child->wait(), 0) << "seed " << seed_;
  }
  std::printf("  seed %u: %lu messages, %lu bad, %lu rows\n", seed_, next_, bad_, counted("count()"));
  EXPECT_EQ(counted("uniqExact(n)"), next_ - bad_) << "seed " << seed_;
  EXPECT_EQ(dead_letters(*broker_).size(), bad_) << "seed " << seed_;
  if (!GetParam().window) return;
  EXPECT_EQ(counted("count()"), next_ - bad_) << "seed " << seed_;
  EXPECT_EQ(counted("sum(n)"), sum_) << "seed " << seed_;
  EXPECT_EQ(counted("uniqExact(seq)"), next_ - bad_) << "seed " << seed_;
}

INSTANTIATE_TEST_SUITE_P(All, Kills,
                         testing::Values(Stage{"jetstream_2_15_1"}, Stage{"jetstream_2_10_27"},
                                         Stage{"jetstream_2_9_10"}, Stage{"sqlite"},
                                         Stage{"jetstream_2_15_1", ClickHouseKind::kFront, false},
                                         Stage{"jetstream_2_15_1", ClickHouseKind::kDebian, false}),
                         [](const auto& of) {
                           return of.param.broker + (of.param.kind == ClickHouseKind::kDebian ? "_debian"
                                                     : of.param.window                        ? "_front"
                                                                                              : "_plain");
                         });

}  // namespace
}  // namespace leat::test
