// Attempts are counted exactly, whatever ends them.
#include <gtest/gtest.h>

#include "leat/memory_broker.h"
#include "leat/sqlite_broker.h"
#include "tests/support/attempt_trial.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

struct Trials {
  std::string broker;
  std::uint32_t first_seed;
  std::uint32_t count;

  friend std::ostream& operator<<(std::ostream& out, const Trials& trials) {
    return out << trials.broker << " from seed " << trials.first_seed;
  }
};

class RandomAttempts : public ::testing::TestWithParam<Trials> {};

TEST_P(RandomAttempts, AreCountedExactly) {
  for (std::uint32_t i = 0; i < GetParam().count; ++i) {
    KeeperClock clock;
    TemporaryDirectory directory;
    // --gtest_random_seed=1, 2, ... tries others.
    const auto seed = GetParam().first_seed + i + 1000 * static_cast<std::uint32_t>(GTEST_FLAG_GET(random_seed));
    TrialOptions options{.seed = seed, .ack_wait = 30s, .delay = 2s, .long_delay = 50s};
    options.clock = &clock;
    if (GetParam().broker == "memory") {
      options.open = [broker = std::shared_ptr(open_memory_broker({.clock = &clock}))] { return broker; };
    } else {
      options.open = [&] {
        const SqliteOptions sqlite{.sync = SqliteOptions::Sync::kNormal, .clock = &clock};
        return std::shared_ptr(open_sqlite_broker((directory.path() / "jobs.db").string(), sqlite).value());
      };
    }
    AttemptTrial(options).run(10);
  }
}

std::vector<Trials> trials() {
  std::vector<Trials> all;
  for (std::uint32_t first = 1; first <= 41; first += 10) all.push_back({"memory", first, 10});
  for (std::uint32_t first = 101; first <= 106; first += 5) all.push_back({"sqlite", first, 5});
  return all;
}

INSTANTIATE_TEST_SUITE_P(, RandomAttempts, ::testing::ValuesIn(trials()), [](const auto& trial) {
  return trial.param.broker + "_" + std::to_string(trial.param.first_seed);
});

}  // namespace
}  // namespace leat::test
