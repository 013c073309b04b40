// How much memory a pipeline holds while its sink is slow and its stream is long.
#include "tests/support/resident_memory.h"

#include "tests/pipeline_clickhouse/forwarding_engine.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"

namespace leat::test {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

// Holds each of the first inserts up for a while, so that all is read ahead that ever is, and looks at the memory then.
class SlowEngine : public ForwardingEngine {
 public:
  explicit SlowEngine(ClickHouse& inner) : ForwardingEngine(inner) {}

  std::int64_t most() const { return most_; }

  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    constexpr int kHeldUp = 3;
    if (held_up_++ < kHeldUp) comes_true([&] { return stop.stop_requested(); }, 500ms);
    look();
    auto answer = ForwardingEngine::insert(request, std::move(stop));
    look();
    return answer;
  }

 private:
  void look() { most_ = std::max(most_.load(), resident_memory()); }

  std::atomic<int> held_up_{0};
  std::atomic<std::int64_t> most_{0};
};

class PipelineMemory : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (is_sanitized()) GTEST_SKIP() << "a sanitizer's own memory is in the figure";
    if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
    table_ = fresh_name();
    engine("front")
        .execute("CREATE TABLE " + table_ + " (sequence UInt64, payload String) ENGINE = MergeTree ORDER BY sequence")
        .value();
    storage_ = open_test_broker(GetParam());
    make_events(*storage_->broker);
  }
  void fill(std::size_t messages, std::size_t bytes) {
    constexpr std::size_t kAtOnce = 4 * kMiB;
    const std::vector<std::string> some(std::min(messages, kAtOnce / bytes), std::string(bytes, 'x'));
    for (std::size_t stored = 0; stored < messages; stored += some.size()) append_payloads(*storage_->broker, some);
  }
  // What it grows by until all of them are in the table.
  std::int64_t growth(std::uint64_t messages, ClickHousePipelineOptions options) {
    const auto table = describe_table(engine("front"), table_).value();
    options.name = "memory";
    options.stream = "events";
    SlowEngine slow(engine("front"));
    const std::int64_t before = resident_memory();
    RunningPipeline running(*storage_->broker, slow, map_raw(table).value(), options);
    EXPECT_TRUE(running.comes_to(messages));
    std::printf("a backlog of %llu messages: %lld KiB\n", static_cast<unsigned long long>(messages),
                static_cast<long long>((slow.most() - before) / 1024));
    return slow.most() - before;
  }

  std::unique_ptr<TestBroker> storage_;
  std::string table_;
};

// A batch of 4 MiB: its messages, its rows and what is sent of them, twice, and what the broker is asked for ahead.
TEST_P(PipelineMemory, OfLargeMessagesIsThatOfTheirBatches) {
  fill(800, kMiB / 4);
  EXPECT_LT(growth(800, {.max_bytes = 4 * kMiB}), 48 * kMiB);
}

TEST_P(PipelineMemory, OfManyMessagesIsThatOfTheirBatches) {
  fill(400'000, 128);
  EXPECT_LT(growth(400'000, {.max_rows = 10'000}), 48 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(All, PipelineMemory, testing::ValuesIn(pipeline_broker_kinds()),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
