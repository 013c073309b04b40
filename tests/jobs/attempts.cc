// What a handler gives back that is no plain outcome.
#include "tests/jobs/jobs_suite.h"

namespace leat::test {
namespace {

class BadEndings : public JobsSuite {};

TEST_P(BadEndings, WhatIsNoExceptionIsARetryAndSaysSo) {
  push_numbers(1, {.max_attempts = 2});
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  std::atomic<unsigned> calls{0};
  worker.handle("number", [&](JobContext& job) -> Outcome {
    EXPECT_EQ(job.attempt(), ++calls);
    throw 7;
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_EQ(calls, 2U);
  const auto letter = DeadLetters(broker()).list().value().front();
  EXPECT_EQ(letter.reason, "attempts");
  EXPECT_EQ(letter.attempts, 2U);
  EXPECT_EQ(letter.error, "the handler threw something that is no std::exception");
}

TEST_P(BadEndings, AResultThatIsTooLargeMakesItsJobDead) {
  const std::size_t limit = broker().capabilities().max_message_bytes;
  const JobId kept = push_numbers(1, {.result = KeepResult::kYes}).front();
  push_numbers(1, {.priority = Priority::kLow});  // nobody wants its result
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [&](JobContext&) { return Outcome::done(std::string(limit + 1, 'x')); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1 && worker.counts().done == 1; }))
      << worker.counts().dead << " dead, " << worker.counts().done << " done";
  EXPECT_EQ(worker.counts().started, 2U);
  const auto letters = DeadLetters(broker()).list().value();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().id, kept);
  EXPECT_EQ(letters.front().reason, "dead");
  EXPECT_NE(letters.front().error.find("its result cannot be stored: "), std::string::npos) << letters.front().error;
  EXPECT_NE(letters.front().error.find(std::to_string(limit)), std::string::npos) << letters.front().error;
  const auto result = Results(broker()).wait(kept, 10s).value();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->state, JobResult::State::kDead);
  EXPECT_EQ(result->error, letters.front().error);
}

LEAT_ON_EVERY_JOBS_BROKER(BadEndings);

}  // namespace
}  // namespace leat::test
