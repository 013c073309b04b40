// How much memory a batch consumer holds while its processor is slow and its stream is long.
#include "tests/support/resident_memory.h"

#include "tests/pipeline/batch_suite.h"

namespace leat::test {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

class BatchMemory : public BatchSuite {
 protected:
  void SetUp() override {
    if (is_sanitized()) GTEST_SKIP() << "a sanitizer's own memory is in the figure";
    BatchSuite::SetUp();
  }
  void fill(std::size_t messages, std::size_t bytes) {
    constexpr std::size_t kAtOnce = 4 * kMiB;
    const std::vector<std::string> some(std::min(messages, kAtOnce / bytes), std::string(bytes, 'x'));
    for (std::size_t stored = 0; stored < messages; stored += some.size()) append(some);
  }
  // What it grows by until all are processed. The first batches take long, so that all is collected that ever is.
  std::int64_t growth(std::size_t messages, BatchConsumerOptions options) {
    options.stream = "events";
    options.name = "memory";
    const std::int64_t before = resident_memory();
    std::atomic<std::int64_t> most{before};
    std::atomic<int> held_up{0};
    BackgroundBatches run(broker(), options, [&](Batch&) -> Result<void> {
      if (held_up++ < 3) leat::sleep_for(real_clock(), 500ms, {});
      most = std::max(most.load(), resident_memory());
      return {};
    });
    EXPECT_TRUE(eventually([&] { return run.counts().done >= messages; })) << run.counts().done;
    std::printf("a backlog of %zu messages: %lld KiB\n", messages, static_cast<long long>((most - before) / 1024));
    return most - before;
  }
};
LEAT_ON_EVERY_BROKER(BatchMemory);

// Three batches and a half of 4 MiB, and what the broker holds while it sends and stores them.
TEST_P(BatchMemory, OfLargeMessagesIsThatOfTheirBatches) {
  fill(800, kMiB / 4);
  EXPECT_LT(growth(800, {.max_bytes = 4 * kMiB}), 40 * kMiB);
}

TEST_P(BatchMemory, OfManyMessagesIsThatOfTheirBatches) {
  fill(200'000, 128);
  EXPECT_LT(growth(200'000, {.max_count = 10'000}), 40 * kMiB);
}

}  // namespace
}  // namespace leat::test
