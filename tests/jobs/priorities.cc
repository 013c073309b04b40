// What is begun first of jobs that wait at all priorities, by handlers that take their time.
#include <algorithm>

#include "core/mutex.h"
#include "tests/jobs/jobs_suite.h"

namespace leat::test {
namespace {

class Priorities : public JobsSuite {
 protected:
  static constexpr int kJobs = 30;  // of each priority

  // All wait before a worker of this order starts. What was begun until the last of the high ones was, by priority.
  std::map<Priority, int> begun_before_the_last_high(WorkerOptions::Order order) {
    for (const Priority priority : {Priority::kLow, Priority::kMedium, Priority::kHigh}) {
      push_numbers(kJobs, {.priority = priority});
    }
    Mutex mutex;
    std::vector<Priority> begun;
    Worker worker(broker(), {.concurrency = 1, .grace = 0ms, .order = order});
    worker.handle("number", [&](JobContext& job) {
      {
        MutexLock lock(mutex);
        begun.push_back(job.id().priority());
      }
      // Long enough for jobs to be fetched one by one, in turn, and not ahead.
      leat::sleep_for(broker().clock(), 15ms, job.stop_token());
      return Outcome::done();
    });
    EXPECT_TRUE(worker.start());
    EXPECT_TRUE(eventually([&] {
      MutexLock lock(mutex);
      return std::count(begun.begin(), begun.end(), Priority::kHigh) == kJobs;
    }));
    std::map<Priority, int> counts;
    MutexLock lock(mutex);
    const auto last = std::find(begun.rbegin(), begun.rend(), Priority::kHigh);
    std::for_each(last, begun.rend(), [&](Priority priority) { ++counts[priority]; });
    return counts;
  }
};

// 10 medium and 2 or 3 low ones, if no fetch is ever late.
TEST_P(Priorities, HighOnesDoNotStarveTheOthers) {
  auto begun = begun_before_the_last_high(WorkerOptions::Order::kWeighted);
  EXPECT_GE(begun[Priority::kMedium], 5);
  EXPECT_GE(begun[Priority::kLow], 1);
  EXPECT_LE(begun[Priority::kMedium] + begun[Priority::kLow], kJobs);
  EXPECT_LT(begun[Priority::kLow], begun[Priority::kMedium]);
}

// None, but for those that came before the first high ones did, or when one of these was late.
TEST_P(Priorities, StrictOrderLetsTheOthersWait) {
  auto begun = begun_before_the_last_high(WorkerOptions::Order::kStrict);
  EXPECT_LE(begun[Priority::kMedium] + begun[Priority::kLow], 6);
}

LEAT_ON_EVERY_JOBS_BROKER(Priorities);

}  // namespace
}  // namespace leat::test
