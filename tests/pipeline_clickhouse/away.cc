// ClickHouse is away while messages keep coming: few tries, every message a row once, and no message delivered again.
#include <cstdlib>

#include "broker/fault_broker.h"
#include "leat/batch_consumer.h"
#include "leat/batch_writer.h"
#include "leat/memory_broker.h"
#include "leat/testing.h"
#include "tests/pipeline_clickhouse/forwarding_engine.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/clickhouse_server.h"

namespace leat::test {
namespace {

// Counts what is asked of it. Thread-safe.
class CountingEngine : public ForwardingEngine {
 public:
  using ForwardingEngine::ForwardingEngine;

  std::atomic<bool> away{false};  // refuses everything, as a server that is not there
  std::atomic<int> asked{0};

  Result<void> execute(std::string_view sql, const QueryOptions& options) override {
    return ask([&] { return ForwardingEngine::execute(sql, options); });
  }
  Result<std::string> query(std::string_view sql, const QueryOptions& options) override {
    return ask([&] { return ForwardingEngine::query(sql, options); });
  }
  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    return ask([&] { return ForwardingEngine::insert(request, std::move(stop)); });
  }
  Result<bool> is_running(std::string_view query_id) override {
    return ask([&] { return ForwardingEngine::is_running(query_id); });
  }

 private:
  template <class Call>
  auto ask(Call call) -> decltype(call()) {
    ++asked;
    if (away) return Error(ErrorCode::kUnavailable, "the server is away");
    return call();
  }
};

// Batches of the stream "events" written into a table, on a thread of its own.
class WritingBatches {
 public:
  WritingBatches(Broker& broker, ClickHouse& engine, const std::string& table, Duration ack_wait)
      : mapping_(numbers_mapping(engine, table)),
        writer_(engine, mapping_.encoder, {.give_up_after = 1h, .clock = &broker.clock()}),
        consumer_(broker, {.stream = "events", .name = "batches", .max_wait = 50ms, .ack_wait = ack_wait},
                  [this](Batch& batch) { return write(batch); }),
        thread_(start_thread("batches", [this](const std::stop_token& stop) { consumer_.run(stop).value(); })) {}

  BatchCounts counts() const { return consumer_.counts(); }
  std::uint32_t most_deliveries() const { return most_deliveries_; }

 private:
  Result<void> write(Batch& batch) {
    RowBatch rows;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      most_deliveries_ = std::max(most_deliveries_.load(), batch.deliveries(i));
      mapping_.encode(rows, batch[i]).value();
    }
    const auto written = writer_.write(rows, {}, batch.stop_token());
    if (!written) return written.error();
    return *written ? Result<void>() : Error(ErrorCode::kUnavailable, "stopped");
  }

  const RowMapping mapping_;
  const BatchWriter writer_;
  std::atomic<std::uint32_t> most_deliveries_{0};
  BatchConsumer consumer_;
  Thread thread_;
};

// A pipeline and a batch consumer on the same stream, each with a table.
class Writers {
 public:
  Writers(Broker& broker, ClickHouse& engine, Duration owner_ttl, Duration ack_wait)
      : engine_(engine), pipeline_engine_(engine), batches_engine_(engine) {
    auto options = quick("numbers");
    options.first_pause = 100ms;
    options.owner_ttl = owner_ttl;
    pipeline_.emplace(broker, pipeline_engine_, numbers_mapping(engine, pipeline_table_), options);
    batches_.emplace(broker, batches_engine_, batches_table_, ack_wait);
  }

  bool have_written(std::uint64_t messages) {
    return (*pipeline_)->counts().done_up_to >= messages && batches_->counts().done >= messages;
  }
  void go_away(bool away) {
    pipeline_engine_.away = away;
    batches_engine_.away = away;
  }
  void count_anew() {
    pipeline_engine_.asked = 0;
    batches_engine_.asked = 0;
  }
  void expect_asked(int least, int most) {
    for (const int asked : {pipeline_engine_.asked.load(), batches_engine_.asked.load()}) {
      EXPECT_GE(asked, least);
      EXPECT_LE(asked, most);
    }
  }
  void expect_each_once(std::uint64_t messages) {
    const std::string count = std::to_string(messages);
    const std::string all = count + " " + count + " " + std::to_string(messages * (messages - 1) / 2);
    EXPECT_EQ(numbers_in(engine_, pipeline_table_), all);
    EXPECT_EQ(numbers_in(engine_, batches_table_), all);
    EXPECT_EQ(batches_->most_deliveries(), 1U);
    EXPECT_EQ(batches_->counts().lost + batches_->counts().retried, 0U);
  }

 private:
  ClickHouse& engine_;
  const std::string pipeline_table_ = make_numbers_table(engine_);
  const std::string batches_table_ = make_numbers_table(engine_);
  CountingEngine pipeline_engine_;
  CountingEngine batches_engine_;
  std::optional<RunningPipeline> pipeline_;
  std::optional<WritingBatches> batches_;
};

// A broker on a clock that goes as fast as leases are renewed.
class FastBroker {
 public:
  FastBroker() { make_events(*broker_); }
  Broker& operator*() { return *broker_; }

  static constexpr Duration kStep = 50ms;
  static constexpr Duration kAckWait = 30s;
  void step() {
    clock_.advance(kStep);
    leat::sleep_for(real_clock(), 1ms, {});
    if (++steps_ % (kAckWait / 3 / kStep) != 0) return;
    ASSERT_TRUE(comes_true([&] {
      clock_.advance(kStep);
      return faults_.calls(Operation::kExtend) > renewals_;
    }));
    renewals_ = faults_.calls(Operation::kExtend);
  }

 private:
  ManualClock clock_;
  Faults faults_;
  std::unique_ptr<Broker> broker_ = make_fault_broker(open_memory_broker({.clock = &clock_}), faults_);
  int steps_ = 0;
  std::uint64_t renewals_ = 0;
};

TEST(Away, AMinuteUnderLoadCostsFewTriesAndNoRow) {
  if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
  FastBroker broker;
  Writers writers(*broker, engine("front"), 24h, FastBroker::kAckWait);
  std::uint64_t appended = 0;
  const auto load = [&] {
    append_payloads(*broker, numbers_from(appended, 5));
    appended += 5;
    broker.step();
  };
  ASSERT_TRUE(comes_true([&] {
    load();
    return writers.have_written(5);
  }));
  writers.go_away(true);
  writers.count_anew();
  for (int i = 0; i < 60s / FastBroker::kStep; ++i) load();
  writers.expect_asked(4, 59);
  writers.go_away(false);
  for (int i = 0; i < 10; ++i) load();
  ASSERT_TRUE(comes_true([&] {
    broker.step();
    return writers.have_written(appended);
  }));
  writers.expect_each_once(appended);
}

// Its first insert's answer is lost, and whether that still runs cannot be told at first.
class SilentEngine : public ForwardingEngine {
 public:
  using ForwardingEngine::ForwardingEngine;

  int asked = 0;
  std::vector<int> inserted_after;  // so many questions, for each insert

  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    inserted_after.push_back(asked);
    if (inserted_after.size() == 1) return Error(ErrorCode::kUnknown, "no answer");
    return ForwardingEngine::insert(request, std::move(stop));
  }
  Result<bool> is_running(std::string_view) override {
    if (++asked <= 2) return Error(ErrorCode::kUnavailable, "busy");
    return asked < 5;
  }
};

TEST(Away, AnInsertThatMayStillRunIsWaitedFor) {
  if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
  const std::string table = make_numbers_table(engine("front"));
  const RowMapping mapping = numbers_mapping(engine("front"), table);
  SilentEngine silent(engine("front"));
  RowBatch rows;
  mapping.encode(rows, StoredMessage{{.payload = "1"}, 1}).value();
  const BatchWriter writer(silent, mapping.encoder, {.first_pause = 1ms});
  EXPECT_EQ(writer.write(rows).value()->stored, 1U);
  EXPECT_EQ(silent.inserted_after, (std::vector<int>{0, 5}));
}

// The same with servers, for a few seconds, or the whole minute with LEAT_SOAK.
class AwayServer : public testing::TestWithParam<std::string> {};

TEST_P(AwayServer, ItsRowsWaitAndNoMessageIsDeliveredAgain) {
  if (const std::string why = why_not(ClickHouseKind::kFront); !why.empty()) GTEST_SKIP() << why;
  const char* soak = std::getenv("LEAT_SOAK");
  const bool whole = soak != nullptr && std::string_view(soak) != "0";
  const Duration outage = whole ? 60s : 5s;
  ClickHouseServer server(ClickHouseKind::kFront);
  const auto engine = open_clickhouse(server.url()).value();
  const auto fixture = make_broker_fixture(GetParam());
  const auto broker = fixture->open();
  make_events(*broker);
  Writers writers(*broker, *engine, 6s, 30s);  // leases that a busy machine renews in time, and the minute outlasts
  std::atomic<std::uint64_t> appended{0};
  Thread producer = start_thread("producer", [&](const std::stop_token& stop) {
    do {
      append_payloads(*broker, numbers_from(appended, 50));
      appended += 50;
    } while (leat::sleep_for(real_clock(), 20ms, stop));
  });
  ASSERT_TRUE(comes_true([&] { return writers.have_written(50); }));
  server.stop(ClickHouseServer::Shutdown::kKill);
  writers.count_anew();
  const std::uint64_t before = appended;
  comes_true([] { return false; }, outage);
  writers.expect_asked(4, whole ? 59 : 11);
  EXPECT_GT(appended, before + 500);
  EXPECT_FALSE(writers.have_written(appended));
  server.start();
  ASSERT_TRUE(comes_true([&] { return writers.have_written(before + 500); }));
  producer.request_stop();
  producer.join();
  ASSERT_TRUE(comes_true([&] { return writers.have_written(appended); }));
  writers.expect_each_once(appended);
}

INSTANTIATE_TEST_SUITE_P(All, AwayServer,
                         testing::Values("sqlite", "jetstream_2_9_10", "jetstream_2_10_27", "jetstream_2_15_1"),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
