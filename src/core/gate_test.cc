#include "core/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "core/thread.h"
#include "leat/clock.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

TEST(Gate, LetsInUntilItIsClosed) {
  Gate gate;
  EXPECT_TRUE(gate.enter());
  gate.close();
  EXPECT_FALSE(gate.enter());
  gate.close();
}

TEST(Gate, CloseWaitsForEverybodyInside) {
  Gate gate;
  std::optional<Gate::Pass> first(gate.enter());
  std::optional<Gate::Pass> second(gate.enter());
  std::atomic<bool> closed = false;
  auto closer = start_thread("closer", [&](const std::stop_token&) {
    gate.close();
    closed = true;
  });
  while (gate.enter()) std::this_thread::yield();  // until it is closing
  first.reset();
  EXPECT_FALSE(closed);
  second.reset();
  closer.join();
  EXPECT_TRUE(closed);
}

TEST(Gate, MovedPassLeavesOnce) {
  Gate gate;
  Gate::Pass outer;
  {
    Gate::Pass inner = gate.enter();
    EXPECT_TRUE(inner);
    outer = std::move(inner);
  }
  EXPECT_TRUE(outer);
  { const Gate::Pass gone = std::move(outer); }
  gate.close();
}

TEST(Gate, ManyThreadsStress) {
  for (int round = 0; round < 50; ++round) {
    Gate gate;
    std::atomic<int> inside = 0;
    ThreadPool visitors("visitor", 4, [&](std::size_t, const std::stop_token&) {
      while (const auto pass = gate.enter()) {
        ++inside;
        --inside;
      }
    });
    gate.close();
    EXPECT_EQ(inside, 0);
  }
}

}  // namespace
}  // namespace leat
