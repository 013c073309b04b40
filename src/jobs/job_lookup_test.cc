// What is said of a job that a worker was given and that nobody answers for.
#include <gtest/gtest.h>

#include "jobs/job_streams.h"
#include "jobs/served_queue.h"
#include "jobs/worker_record.h"
#include "leat/leat.h"
#include "leat/memory_broker.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using State = JobStatus::State;

class JobLookupTest : public testing::Test {
 protected:
  void SetUp() override {
    id_ = Queue(*broker_).push(EncodedJob{"job", "x", {}}).value();
    consumer_ = broker_->open_consumer(subscription_of(names_, Priority::kMedium, "default", 30s)).value();
    ASSERT_EQ(consumer_->fetch({}, {}).value().size(), 1U);
  }

  void hear_of(const WorkerInfo& worker) {
    ASSERT_TRUE(open_workers(*broker_, names_).value()->put("01", to_json(worker)));
  }
  JobStatus status(std::chrono::milliseconds ask = 0ms) { return Inspector(*broker_).job(*id_, {.ask = ask}).value(); }

  const Names names_{NamespaceOptions{}};
  std::unique_ptr<Broker> broker_ = open_memory_broker({});
  std::unique_ptr<Consumer> consumer_;
  std::optional<JobId> id_;
};

TEST_F(JobLookupTest, WithoutAnyWorkerItIsPending) {
  EXPECT_EQ(status().state, State::kPending);
  EXPECT_EQ(status(10ms).state, State::kPending);
}

TEST_F(JobLookupTest, AWorkerThatHasNotSpokenOfItMayRunIt) {
  hear_of({.name = "w"});
  EXPECT_EQ(status().state, State::kRunning);
  EXPECT_EQ(status(10ms).state, State::kPending);
}

TEST_F(JobLookupTest, AWorkerThatSaidThatItRunsItIsBelieved) {
  hear_of({.name = "w", .running = 1, .jobs = {{.id = *id_, .kind = "job", .progress = 0.5}}});
  for (const auto ask : {0ms, 10ms}) {
    const JobStatus told = status(ask);
    EXPECT_EQ(told.state, State::kRunning);
    EXPECT_EQ(told.worker, "w");
    EXPECT_EQ(told.progress, 0.5);
  }
}

}  // namespace
}  // namespace leat::test
