#include "broker/sqlite/wake.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/thread.h"
#include "tests/support/temporary_directory.h"

namespace leat::sqlite {
namespace {

using namespace std::chrono_literals;

class WakeTest : public testing::Test {
 protected:
  void SetUp() override {
    for (Wake* wake : {&one_, &other_}) wake->open((directory_.path() / "wake").string()).value();
  }

  static SteadyTime in(Duration duration) { return real_clock().steady() + duration; }

  test::TemporaryDirectory directory_;
  Wake one_;
  Wake other_;  // as another process has it
};

TEST_F(WakeTest, AChangeBeforeTheWaitIsNotMissed) {
  const std::uint32_t seen = one_.version(3);
  other_.bump(3);
  one_.wait(3, seen, SteadyTime::max(), {});
  EXPECT_NE(one_.version(3), seen);
}

TEST_F(WakeTest, AChangeEndsTheWait) {
  const std::uint32_t seen = one_.version(3);
  const Thread waiter = start_thread("waiter", [&](std::stop_token) {
    while (one_.version(3) == seen) one_.wait(3, seen, SteadyTime::max(), {});
  });
  other_.bump(3);
}

TEST_F(WakeTest, AStopEndsTheWait) {
  Thread waiter = start_thread("waiter", [&](std::stop_token stop) {
    while (!stop.stop_requested()) one_.wait(5, one_.version(5), SteadyTime::max(), stop);
  });
  waiter.request_stop();
}

TEST_F(WakeTest, TheDeadlineEndsTheWait) {
  const SteadyTime deadline = in(20ms);
  while (real_clock().steady() < deadline) one_.wait(7, one_.version(7), deadline, {});
  EXPECT_GE(real_clock().steady(), deadline);
}

TEST_F(WakeTest, TopicsAreTheSameForEverybody) {
  EXPECT_EQ(Wake::topic_of("stream", "jobs"), Wake::topic_of("stream", "jobs"));
  EXPECT_LT(Wake::topic_of("bucket", "results"), Wake::kTopics);
}

TEST_F(WakeTest, AReleaseLetsAWaitingProcessGoFirst) {
  std::atomic<bool> has_turn = false;
  const Thread waiter = start_thread("waiter", [&](std::stop_token) {
    while (!has_turn) other_.wait_for_release();
    other_.take_turn();
  });
  one_.take_turn();
  has_turn = true;
  one_.release();
  one_.yield_turn();
}

}  // namespace
}  // namespace leat::sqlite
