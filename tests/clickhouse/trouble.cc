// Servers that are not there, come back, or were killed.
#include <map>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/batch_writer.h"
#include "tests/clickhouse/engines.h"
#include "tests/support/clickhouse_server.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

struct Numbered {
  std::uint64_t a = 0;
  static constexpr auto row() { return leat::row(column("a", &Numbered::a)); }
};

RowBatch batch_of(const RowEncoder& encoder, std::uint64_t from, std::uint64_t rows) {
  RowBatch batch;
  for (std::uint64_t i = from; i < from + rows; ++i) encoder.encode(batch, Numbered{i}).value();
  return batch;
}

class ClickHouseTroubleTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_engine(GetParam()); !why.empty()) GTEST_SKIP() << why;
    server_.emplace(GetParam() == "debian" ? ClickHouseKind::kDebian : ClickHouseKind::kFront);
    engine_ = open_clickhouse(server_->url("?timeout=10s")).value();
    engine_
        ->execute(std::string("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a") +
                  (engine_->facts().tokens ? " SETTINGS non_replicated_deduplication_window = 1000" : ""))
        .value();
    encoder_.emplace(RowEncoder::open<Numbered>(describe_table(*engine_, "t").value()).value());
  }
  std::string numbers() { return engine_->query("SELECT count(), uniqExact(a) FROM t").value(); }

  std::optional<ClickHouseServer> server_;
  std::unique_ptr<ClickHouse> engine_;
  std::optional<RowEncoder> encoder_;
};

TEST_P(ClickHouseTroubleTest, AcknowledgedRowsAndTokensSurviveAKill) {
  const bool tokens = engine_->facts().tokens;
  const BatchWriter writer(*engine_, *encoder_);
  for (std::uint64_t round = 0; round < 3; ++round) {
    const WriteOptions options{.token = tokens ? std::to_string(round) : ""};
    const RowBatch batch = batch_of(*encoder_, round * 1000, 1000);
    ASSERT_EQ(writer.write(batch, options)->value().stored, 1000U);
    server_->stop(ClickHouseServer::Shutdown::kKill);
    server_->start();
    const std::string stored = std::to_string((round + 1) * 1000);
    EXPECT_EQ(numbers(), stored + "\t" + stored + "\n");
    if (!tokens) continue;
    // Other rows under the same token: it is the token that is remembered, not what the rows are.
    EXPECT_TRUE(writer.write(batch_of(*encoder_, 100'000, 1000), options)->has_value());
    EXPECT_EQ(numbers(), stored + "\t" + stored + "\n");
  }
}

TEST_P(ClickHouseTroubleTest, AWriteWaitsForAServerThatComesBack) {
  const BatchWriter writer(*engine_, *encoder_, {.give_up_after = 60s});
  server_->stop(ClickHouseServer::Shutdown::kKill);
  std::optional<WriteReport> report;
  std::atomic<bool> written{false};
  {
    const Thread thread = start_thread("writer", [&](const std::stop_token&) {
      report = writer.write(batch_of(*encoder_, 0, 1000)).value();
      written = true;
    });
    EXPECT_FALSE(written);
    server_->start();
  }
  ASSERT_TRUE(report);
  EXPECT_EQ(report->stored, 1000U);
  EXPECT_LT(report->inserts, 20U);  // pauses that double: no hot loop
  EXPECT_EQ(numbers(), "1000\t1000\n");
}

TEST_P(ClickHouseTroubleTest, AWriteGivesUpAndAStopEndsIt) {
  const BatchWriter writer(*engine_, *encoder_, {.first_pause = 10ms, .give_up_after = 200ms});
  const BatchWriter patient(*engine_, *encoder_, {.give_up_after = 1h});
  server_->stop(ClickHouseServer::Shutdown::kKill);
  const auto gave_up = writer.write(batch_of(*encoder_, 0, 10));
  ASSERT_FALSE(gave_up);
  EXPECT_EQ(gave_up.error().code(), ErrorCode::kUnavailable) << gave_up.error().message();
  std::stop_source stop;
  const Thread stopper = start_thread("stopper", [&](const std::stop_token& own) {
    sleep_for(real_clock(), 50ms, own);
    stop.request_stop();
  });
  const auto stopped = patient.write(batch_of(*encoder_, 0, 10), {}, stop.get_token());
  ASSERT_TRUE(stopped) << stopped.error().message();
  EXPECT_FALSE(stopped->has_value());
}

TEST_P(ClickHouseTroubleTest, LoginsAreCheckedAndKeptSecret) {
  const auto with = [&](const std::string& login) {
    return open_clickhouse("clickhouse://" + login + "@" + server_->address());
  };
  EXPECT_TRUE(with("ada:se%3Acr%40t"));
  const auto refused = with("ada:wr0ng");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kDenied) << refused.error().message();
  EXPECT_EQ(refused.error().message().find("wr0ng"), std::string::npos) << refused.error().message();
  EXPECT_EQ(open_clickhouse(server_->url("/no_such_database")).error().code(), ErrorCode::kNotFound);
}

TEST_P(ClickHouseTroubleTest, BodiesMayBeCompressed) {
  for (const std::string how : {"gzip", "zstd", "none"}) {
    if (how == "zstd" && GetParam() == "debian") continue;
    const auto engine = open_clickhouse(server_->url("?compression=" + how)).value();
    const BatchWriter writer(*engine, *encoder_);
    EXPECT_EQ(writer.write(batch_of(*encoder_, 0, 10'000))->value().stored, 10'000U) << how;
  }
  const std::string written = GetParam() == "debian" ? "20000" : "30000";
  EXPECT_EQ(numbers(), written + "\t10000\n");
}

INSTANTIATE_TEST_SUITE_P(Servers, ClickHouseTroubleTest, ::testing::ValuesIn(engine_kinds()),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
