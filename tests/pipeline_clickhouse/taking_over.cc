// Owners that stop, are killed or stand still, and the others that go on.
#include <signal.h>

#include "broker/sqlite/lock_owner.h"
#include "leat/memory_broker.h"
#include "pipeline/clickhouse/range_record.h"
#include "tests/pipeline_clickhouse/forwarding_engine.h"
#include "tests/pipeline_clickhouse/pipeline_processes.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/clickhouse_server.h"

namespace leat::test {
namespace {

// Inserts wait while it says so. Thread-safe.
class GatedEngine : public ForwardingEngine {
 public:
  explicit GatedEngine(ClickHouse& inner) : ForwardingEngine(inner) {}

  std::atomic<bool> waits{false};
  std::atomic<int> tries{0};
  std::atomic<int> waiting{0};
  std::atomic<bool> still_runs{false};  // whatever is asked about
  std::atomic<int> asked{0};

  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    ++tries;
    ++waiting;
    comes_true([&] { return !waits || stop.stop_requested(); });
    --waiting;
    if (stop.stop_requested()) return InsertAnswer{InsertAnswer::Verdict::kStopped, 0, ""};
    return ForwardingEngine::insert(request, std::move(stop));
  }
  Result<bool> is_running(std::string_view query_id) override {
    ++asked;
    if (still_runs) return query_id.ends_with("-1-10");
    return ForwardingEngine::is_running(query_id);
  }
};

class Stopping : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
    engine_ = &engine("front");
    gated_.emplace(*engine_);
    table_ = make_numbers_table(*engine_);
    make_events(*broker_);
    append_payloads(*broker_, numbers_from(0, 10));
  }
  RangeRecord record() {
    const auto entry = broker_->open_bucket({.name = "leat_pipelines"}).value()->get("numbers.range").value();
    return parse_range_record(entry->value).value();
  }
  RowMapping mapping() { return numbers_mapping(*engine_, table_); }

  std::shared_ptr<Broker> broker_ = open_memory_broker();
  ClickHouse* engine_ = nullptr;
  std::optional<GatedEngine> gated_;
  std::string table_;
};

TEST_F(Stopping, TheInsertUnderWayEndsAndIsRecorded) {
  gated_->waits = true;
  RunningPipeline running(*broker_, *gated_, mapping(), quick("numbers"));
  ASSERT_TRUE(comes_true([&] { return gated_->waiting == 1; }));
  EXPECT_EQ(record().in_hand->last, 10U);
  const Thread opener = start_thread("opener", [&](const std::stop_token&) {
    comes_true([&] { return !running->is_owner() || gated_->waiting == 0; }, 100ms);
    gated_->waits = false;
  });
  EXPECT_TRUE(running.stop());
  EXPECT_EQ(record().done, 10U);
  EXPECT_FALSE(record().in_hand);
  EXPECT_EQ(numbers_in(*engine_, table_), "10 10 45");
}

TEST_F(Stopping, AnInsertThatTakesTooLongIsLeftAsARecordedRange) {
  gated_->waits = true;
  auto options = quick("numbers");
  options.stop_grace = 20ms;
  {
    RunningPipeline running(*broker_, *gated_, mapping(), options);
    ASSERT_TRUE(comes_true([&] { return gated_->waiting == 1; }));
    EXPECT_TRUE(running.stop());
  }
  EXPECT_EQ(record().in_hand->last, 10U);
  EXPECT_EQ(numbers_in(*engine_, table_), "0 0 0");
  gated_->waits = false;
  RunningPipeline next(*broker_, *gated_, mapping(), options);
  ASSERT_TRUE(next.comes_to(10));
  EXPECT_EQ(numbers_in(*engine_, table_), "10 10 45");
}

TEST_F(Stopping, ARangeIsNotRepeatedWhileItsInsertRuns) {
  gated_->waits = true;
  auto options = quick("numbers");
  options.stop_grace = Duration::zero();
  {
    RunningPipeline running(*broker_, *gated_, mapping(), options);
    ASSERT_TRUE(comes_true([&] { return gated_->waiting == 1; }));
  }
  gated_->waits = false;
  gated_->still_runs = true;
  const int tries = gated_->tries;
  RunningPipeline next(*broker_, *gated_, mapping(), options);
  ASSERT_TRUE(comes_true([&] { return gated_->asked > 3; }));
  EXPECT_EQ(gated_->tries, tries);
  gated_->still_runs = false;
  ASSERT_TRUE(next.comes_to(10));
  EXPECT_EQ(numbers_in(*engine_, table_), "10 10 45");
}

TEST_F(Stopping, AnIdlePipelineStopsAtOnce) {
  RunningPipeline running(*broker_, *engine_, mapping(), quick("numbers"));
  ASSERT_TRUE(running.comes_to(10));
  const SteadyTime begin = real_clock().steady();
  EXPECT_TRUE(running.stop());
  EXPECT_LT(real_clock().steady() - begin, 5s);
}

// A process for each pipeline, on brokers that processes can share.
class TakingOver : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
    server_ = std::make_unique<ClickHouseServer>(ClickHouseKind::kFront);
    engine_ = open_clickhouse(server_->url()).value();
    fixture_ = make_broker_fixture(GetParam());
    broker_ = fixture_->open();
    make_events(*broker_);
    table_ = make_numbers_table(*engine_);
  }
  std::unique_ptr<ChildProcess> start() { return start_pipeline(fixture_->address(), server_->url(), table_); }
  // Not while it holds a lock of the database: then nobody would get anywhere until it goes on, and SQLite gives up
  // after ten seconds.
  void freeze(ChildProcess& child) {
    const std::string path = fixture_->address().substr(fixture_->address().find(':') + 1);
    const std::string itself = "process " + std::to_string(child.pid()) + " ";
    for (;;) {
      child.send_signal(SIGSTOP);
      if (!sqlite::lock_owner(path).starts_with(itself)) return;
      child.send_signal(SIGCONT);
      leat::sleep_for(real_clock(), 1ms, {});
    }
  }
  bool all_there(std::uint64_t count) {
    const std::string wanted = std::to_string(count) + " " + std::to_string(count) + " ";
    return comes_true([&] { return numbers_in(*engine_, table_).starts_with(wanted); });
  }

  std::unique_ptr<ClickHouseServer> server_;
  std::unique_ptr<ClickHouse> engine_;
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
  std::string table_;
};

TEST_P(TakingOver, AKilledOwnerIsFollowedWithinTenSecondsAndAStoppedOneAtOnce) {
  auto first = start();
  ASSERT_EQ(first->read_line(30s), "owner");
  auto second = start();
  append_payloads(*broker_, numbers_from(0, 2000));
  ASSERT_TRUE(all_there(2000));
  EXPECT_FALSE(second->read_line(200ms));  // stands by
  first->send_signal(SIGKILL);
  const SteadyTime killed = real_clock().steady();
  EXPECT_EQ(second->read_line(20s), "owner");
  EXPECT_LT(real_clock().steady() - killed, 10s);
  append_payloads(*broker_, numbers_from(2000, 1000));
  ASSERT_TRUE(all_there(3000));
  auto third = start();
  EXPECT_FALSE(third->read_line(500ms));
  const SteadyTime stopped = real_clock().steady();
  second->send_signal(SIGTERM);
  EXPECT_EQ(third->read_line(20s), "owner");
  EXPECT_LT(real_clock().steady() - stopped, 5500ms);  // not after the 6 s of its claim
  EXPECT_EQ(second->wait(), 0);
}

// It stands still wherever it is: between record and insert, in an insert, while it reads.
TEST_P(TakingOver, AFrozenOwnerThatWakesUpDoublesNothing) {
  auto frozen = start();
  ASSERT_EQ(frozen->read_line(30s), "owner");
  auto other = start();
  std::uint64_t count = 0;
  for (int round = 0; round < 2; ++round) {
    const Thread producer = start_thread("producer", [&](const std::stop_token&) {
      for (int i = 0; i < 10; ++i) {
        append_payloads(*broker_, numbers_from(count, 400));
        count += 400;
      }
    });
    comes_true([&] { return engine_->query("SELECT count() > 0 FROM " + table_).value_or("") == "1\n"; });
    freeze(*frozen);
    EXPECT_EQ(other->read_line(20s), "owner");
    frozen->send_signal(SIGCONT);
    EXPECT_EQ(frozen->read_line(20s), "stands by");
    std::swap(frozen, other);
  }
  append_payloads(*broker_, numbers_from(count, 1));
  EXPECT_TRUE(all_there(count + 1)) << numbers_in(*engine_, table_) << " of " << count + 1;
}

INSTANTIATE_TEST_SUITE_P(All, TakingOver, testing::Values("sqlite", "jetstream_2_9_10", "jetstream_2_15_1"),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
