// Which of the jobs that wait comes next.
#include "jobs/ready_queue.h"

#include <gtest/gtest.h>

#include <array>

#include "leat/job.h"

namespace leat {
namespace {

using namespace std::chrono_literals;
using Order = WorkerOptions::Order;

class ReadyQueueTest : public testing::Test {
 protected:
  static constexpr std::size_t kEach = 200;

  // So many jobs of each priority wait, and handlers are fast enough for all of them to be held.
  void fill(ReadyQueue& queue) {
    EXPECT_TRUE(queue.report(20us, 1).empty());
    for (std::size_t lane = 0; lane < kPriorities.size(); ++lane) {
      std::vector<HeldJob*> jobs;
      for (HeldJob& job : jobs_[lane]) jobs.push_back(&job);
      EXPECT_TRUE(queue.put(lane, {}, std::move(jobs)).empty());
    }
  }
  // How many of each priority are among the next so many.
  std::vector<std::size_t> take(ReadyQueue& queue, std::size_t count) {
    std::vector<HeldJob*> taken;
    while (taken.size() < count) queue.take(taken, {});
    taken.resize(count);
    std::vector<std::size_t> shares(kPriorities.size());
    for (const HeldJob* job : taken) {
      for (std::size_t lane = 0; lane < kPriorities.size(); ++lane) {
        if (job >= &jobs_[lane].front() && job <= &jobs_[lane].back()) ++shares[lane];
      }
    }
    return shares;
  }
  static std::vector<Priority> priorities() { return {kPriorities.begin(), kPriorities.end()}; }

 private:
  std::array<std::array<HeldJob, kEach>, 3> jobs_{};
};

TEST_F(ReadyQueueTest, OfSeventeenTwelveAreHighFourMediumAndOneLow) {
  ReadyQueue queue(priorities(), 1, Order::kWeighted);
  fill(queue);
  EXPECT_EQ(take(queue, 10 * 17), (std::vector<std::size_t>{120, 40, 10}));
}

TEST_F(ReadyQueueTest, InStrictOrderTheLowerWaitForTheHigher) {
  ReadyQueue queue(priorities(), 1, Order::kStrict);
  fill(queue);
  EXPECT_EQ(take(queue, kEach + 10), (std::vector<std::size_t>{kEach, 10, 0}));
}

}  // namespace
}  // namespace leat
