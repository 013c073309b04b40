// A job that dies on a broker that fails at one step of its end: it is not lost, and leaves one dead letter.
#include "jobs/undertaker.h"

#include <gtest/gtest.h>

#include <atomic>

#include "broker/fault_broker.h"
#include "core/mutex.h"
#include "leat/leat.h"
#include "leat/memory_broker.h"
#include "leat/sqlite_broker.h"
#include "leat/testing.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

struct Step {
  const char* name;
  Operation operation;
  Fault fault;
  unsigned attempt = 2;  // at whose end: the second is the last
};

std::vector<Step> steps() {
  using enum Operation;
  return {{"record_fails", kKeyWrite, Fault::fail(), 1},
          {"record_answer_lost", kKeyWrite, Fault::lose_answer(), 1},
          {"result_fails", kKeyWrite, Fault::fail()},
          {"result_answer_lost", kKeyWrite, Fault::lose_answer()},
          {"letter_fails", kAppend, Fault::fail()},
          {"letter_answer_lost", kAppend, Fault::lose_answer()},
          {"letter_stored_twice", kAppend, Fault::duplicate()},
          {"settling_fails", kSettle, Fault::fail()},
          {"settling_answer_lost", kSettle, Fault::lose_answer()}};
}

class Burying : public ::testing::TestWithParam<Step> {
 protected:
  static bool eventually(const std::function<bool()>& happened) {
    const SteadyTime until = real_clock().steady() + 30s;
    while (!happened()) {
      if (real_clock().steady() > until) return false;
      leat::sleep_for(real_clock(), 2ms, {});
    }
    return true;
  }
  std::unique_ptr<Broker> open() const { return open_sqlite_broker((directory_.path() / "jobs.db").string()).value(); }

  // Two attempts, so that there is an attempt record; its result is wanted, so that there is a result.
  void push() {
    ASSERT_TRUE(Queue(*plain_).push(EncodedJob{"die", "1", {}}, {.result = KeepResult::kYes, .max_attempts = 2}));
  }
  static WorkerOptions options() { return {.concurrency = 1, .retry = RetryPolicy::fixed(1ms), .ack_wait = 500ms}; }
  void expect_one_letter() {
    EXPECT_TRUE(eventually([&] { return plain_->admin().stream("leat_medium")->messages == 0; }));
    const auto letters = DeadLetters(*plain_).list().value();
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters.front().payload, "1");
    EXPECT_EQ(letters.front().attempts, 2U);
    const auto result = Results(*plain_).wait(letters.front().id, 10s);
    ASSERT_TRUE(result && *result);
    EXPECT_EQ((*result)->state, JobResult::State::kDead);
    // A worker that does not know that it has settled leaves the record, which no other job's is taken for.
    if (GetParam().operation == Operation::kSettle && GetParam().fault.kind == Fault::Kind::kLoseAnswer) return;
    EXPECT_TRUE(
        eventually([&] { return plain_->open_bucket({.name = "leat_attempts"}).value()->list("").value().empty(); }));
  }

 private:
  TemporaryDirectory directory_;

 protected:
  Faults faults_;
  std::unique_ptr<Broker> plain_ = open();
  std::unique_ptr<Broker> faulty_ = make_fault_broker(open(), faults_);
};

TEST_P(Burying, AStepThatFailsOnceIsTriedAgain) {
  push();
  Worker worker(*faulty_, options());
  worker.handle("die", [&](JobContext& job) {
    if (job.attempt() == GetParam().attempt) faults_.next(GetParam().operation, GetParam().fault);
    return Outcome::retry("no");
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return DeadLetters(*plain_).list().value().size() == 1; }));
  EXPECT_TRUE(eventually([&] { return worker.counts().running + worker.counts().unstarted == 0; }));
  worker.stop();
  expect_one_letter();
}

// The worker is cut off at the step for good, as one that died there, and another one has the job when its lease ends.
TEST_P(Burying, AWorkerThatIsCutOffLeavesTheJobToAnother) {
  push();
  Worker worker(*faulty_, options());
  worker.handle("die", [&](JobContext& job) {
    if (job.attempt() == GetParam().attempt) {
      faults_.before(GetParam().operation, [](const Call&) { return GetParam().fault; });
      faults_.before(Operation::kExtend, [](const Call&) { return Fault::fail(); });
      faults_.before(Operation::kFetch, [](const Call&) { return Fault::freeze(); });
    }
    return Outcome::retry("no");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually(
      [&] { return faults_.calls(GetParam().operation) > 0 && worker.counts().started >= GetParam().attempt; }));
  Worker other(*plain_, options());
  other.handle("die", [](JobContext&) { return Outcome::retry("no"); });
  ASSERT_TRUE(other.start());
  EXPECT_TRUE(eventually([&] { return plain_->admin().stream("leat_medium")->messages == 0; }));
  EXPECT_TRUE(eventually([&] { return worker.counts().running == 0; }));
  other.stop();
  faults_.clear();
  faults_.release();
  worker.stop();
  expect_one_letter();
}

// A day later no broker remembers message ids: the letter's subject alone tells that it is there.
TEST(Undertaker, ASecondBurialAddsNoLetter) {
  ManualClock clock;
  const auto broker = open_memory_broker({.clock = &clock});
  ASSERT_TRUE(Queue(*broker).push(EncodedJob{"die", "1", {}}));
  const auto consumer =
      broker->open_consumer({.stream = "leat_medium", .name = "default", .filter = "leat.medium.default.*"}).value();
  ServedQueue served{.queue = "default", .stream = "leat_medium", .stream_created = "1"};
  HeldBatch batch(served, *consumer, 1);
  HeldJob& job = batch.jobs.front();
  job.batch = &batch;
  job.delivery = consumer->fetch({}, {}).value().front();
  Undertaker undertaker(*broker, Names({.name = "leat"}));
  for (const Duration later : {Duration(0s), Duration(24h)}) {
    clock.advance(later);
    const Death death{.job = &job, .reason = "dead", .error = "no"};
    const auto buried = undertaker.bury({&death, 1});
    ASSERT_TRUE(buried.front()) << buried.front().error().message();
    EXPECT_EQ(DeadLetters(*broker).list().value().size(), 1U);
  }
}

INSTANTIATE_TEST_SUITE_P(, Burying, ::testing::ValuesIn(steps()),
                         [](const ::testing::TestParamInfo<Step>& step) { return std::string(step.param.name); });

}  // namespace
}  // namespace leat::test
