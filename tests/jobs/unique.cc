// Unique jobs: the broker holds the key until the job is done or dead.
#include "core/thread.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/soak.h"

namespace leat::test {
namespace {

class UniqueJobs : public JobsSuite {
 protected:
  Result<JobId> push(const std::string& key, Unique::IfTaken if_taken = Unique::IfTaken::kRefuse) {
    return queue_->push(EncodedJob{"number", "1", {}}, {.unique = Unique{.key = key, .if_taken = if_taken}});
  }
  void SetUp() override {
    JobsSuite::SetUp();
    queue_ = std::make_unique<Queue>(broker());
  }
  Queue& queue() { return *queue_; }

 private:
  std::unique_ptr<Queue> queue_;
};

TEST_P(UniqueJobs, ASecondOneIsRefusedOrNamed) {
  const JobId first = push("invoice 17").value();
  const auto refused = push("invoice 17");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  EXPECT_NE(refused.error().message().find(first.str()), std::string::npos) << refused.error().message();
  EXPECT_EQ(push("invoice 17", Unique::IfTaken::kReturnExisting).value(), first);
  EXPECT_TRUE(push("invoice 18"));
  EXPECT_EQ(messages("leat_medium"), 2U);
  // Another priority and another queue have keys of their own.
  EXPECT_TRUE(queue().push(EncodedJob{"number", "1", {}},
                           {.priority = Priority::kHigh, .unique = Unique{.key = "invoice 17"}}));
  EXPECT_TRUE(
      Queue(broker(), {.name = "other"}).push(EncodedJob{"number", "1", {}}, {.unique = Unique{.key = "invoice 17"}}));
}

TEST_P(UniqueJobs, ABatchStoresTheFirstOfEachKey) {
  std::vector<Result<EncodedJob>> jobs;
  for (int i = 0; i < 20; ++i) jobs.push_back(EncodedJob{"number", std::to_string(i), {}});
  const auto pushed = queue().push_many(std::move(jobs), {.unique = Unique{.key = "one"}});
  EXPECT_TRUE(pushed.front()) << pushed.front().error().message();
  for (std::size_t i = 1; i < pushed.size(); ++i) EXPECT_EQ(pushed[i].error().code(), ErrorCode::kConflict);
  EXPECT_EQ(messages("leat_medium"), 1U);
}

TEST_P(UniqueJobs, EachOfABatchMayHaveAKeyOfItsOwn) {
  const JobId first = push("key 0").value();
  std::vector<PushOrder> orders;
  for (int i = 0; i < 3; ++i) {
    orders.push_back({.job = {"number", std::to_string(i)}, .options = {.unique = Unique{"key " + std::to_string(i)}}});
  }
  orders.push_back({.job = {"number", "3"}, .options = {.priority = Priority::kLow}});
  orders.push_back({.job = {}, .refused = Error(ErrorCode::kInvalidArgument, "cannot be encoded")});
  const auto pushed = queue().push_many(std::move(orders));
  ASSERT_EQ(pushed.size(), 5U);
  EXPECT_EQ(pushed[0].error().code(), ErrorCode::kConflict);
  EXPECT_TRUE(pushed[1] && pushed[2]);
  EXPECT_EQ(pushed[3].value().priority(), Priority::kLow);
  EXPECT_EQ(pushed[4].error().message(), "cannot be encoded");
  EXPECT_EQ(messages("leat_medium"), 3U);
}

TEST_P(UniqueJobs, TheKeyIsFreeWhenTheJobIsDone) {
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<int> runs{0};
  worker.handle("number", [&](JobContext&) {
    ++runs;
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  for (int round = 1; round <= 5; ++round) {
    ASSERT_TRUE(push("again")) << round;
    ASSERT_TRUE(eventually([&] { return worker.counts().done == static_cast<std::uint64_t>(round); }));
  }
  EXPECT_EQ(runs, 5);
}

TEST_P(UniqueJobs, TheKeyIsHeldBetweenTwoAttemptsAndFreeWhenTheJobIsDead) {
  std::atomic<bool> may_die{false};
  Worker worker(broker(), {.concurrency = 1, .max_attempts = 2, .retry = RetryPolicy::fixed(300ms)});
  worker.handle("number", [&](JobContext& job) {
    EXPECT_TRUE(job.attempt() == 1 || eventually([&] { return may_die.load(); }));
    return Outcome::retry("no");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(push("k"));
  ASSERT_TRUE(eventually([&] { return worker.counts().retried == 1; }));
  const auto refused = push("k");
  may_die = true;
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_TRUE(push("k"));
}

TEST_P(UniqueJobs, ADeadLetterWaitsWhileAnotherHasItsKey) {
  Worker worker(broker(), {.concurrency = 1, .max_attempts = 1});
  std::atomic<bool> works{false};
  worker.handle("number", [&](JobContext&) { return works ? Outcome::done() : Outcome::dead("no"); });
  ASSERT_TRUE(worker.start());
  const JobId id = push("k").value();
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  worker.stop();
  ASSERT_TRUE(push("k"));
  DeadLetters dead(broker());
  const std::uint64_t number = dead.list().value().front().number;
  EXPECT_EQ(dead.retry(number).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(dead.list().value().size(), 1U);  // nothing is lost
  works = true;
  Worker next(broker(), {.concurrency = 1});
  next.handle("number", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(next.start());
  ASSERT_TRUE(eventually([&] { return next.counts().done == 1; }));
  EXPECT_EQ(dead.retry(number).value(), id);
  EXPECT_TRUE(eventually([&] { return next.counts().done == 2; }));
  EXPECT_TRUE(dead.list().value().empty());
}

TEST_P(UniqueJobs, ManyThreadsGetOneJobPerKey) {
  constexpr int kThreads = 8;
  const int keys = is_soak() ? 10'000 : 500;
  const int pushes = 10 * keys;
  std::atomic<int> accepted{0};
  std::atomic<int> others{0};
  {
    ThreadPool pool("push", kThreads, [&](std::size_t, const std::stop_token&) {
      for (int i = 0; i < pushes / kThreads; ++i) {
        const auto pushed = push("key " + std::to_string(i % keys));
        if (pushed) ++accepted;
        if (!pushed && pushed.error().code() != ErrorCode::kConflict) ++others;
      }
    });
    pool.stop();
  }
  EXPECT_EQ(accepted, keys);
  EXPECT_EQ(others, 0);
  EXPECT_EQ(messages("leat_medium"), static_cast<std::uint64_t>(keys));
}

TEST_P(UniqueJobs, BadKeysAreRefused) {
  EXPECT_EQ(push("").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(push(std::string(201, 'x')).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(push(std::string(200, '\xff')));
  const auto bulk = queue().push(EncodedJob{"number", "1", {}}, {.lane = Lane::kBulk, .unique = Unique{.key = "k"}});
  EXPECT_EQ(bulk.error().code(), ErrorCode::kInvalidArgument);
}

LEAT_ON_EVERY_JOBS_BROKER(UniqueJobs);

}  // namespace
}  // namespace leat::test
