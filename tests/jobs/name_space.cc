// How a namespace's streams and buckets are made, and what is said of those that were made otherwise.
#include "leat/test_worker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/kept_lines.h"

namespace leat::test {
namespace {

constexpr std::string_view kLine = "it exists with another setting than this program wants, and is used as it is ";

class NameSpace : public JobsSuite {
 protected:
  static void expect_line(const KeptLines& log, const std::string& line) {
    EXPECT_EQ(log.with(std::string(kLine) + line), 1U) << line;
  }
  bool has_stream(const std::string& name) { return broker().admin().stream(name).has_value(); }
  JobId push(const NamespaceOptions& space, const PushOptions& options = {}) {
    return Queue(broker(), {.name_space = space}).push(EncodedJob{"number", "1"}, options).value();
  }
};

const NamespaceOptions kOwn{.max_age = 48h, .max_unsettled = 5, .result_ttl = 1h};
const NamespaceOptions kNoLetters{.enable_dlq = false};

TEST_P(NameSpace, WhoIsFirstDecidesAndWhoIsNotIsToldOfTheDifference) {
  KeptLines quiet;
  Queue first(broker(), {.name_space = kOwn, .log = &quiet});
  ASSERT_TRUE(first.push(EncodedJob{"number", "1"}));
  {
    Worker same(broker(), {.ack_wait = 20s, .name_space = kOwn, .log = &quiet});
    ASSERT_TRUE(same.start());
  }
  EXPECT_EQ(quiet.with(kLine), 0U);
  KeptLines log;
  Worker other(broker(), {.log = &log});
  ASSERT_TRUE(other.start());
  for (const std::string level : {"high", "medium", "low"}) {
    expect_line(log, "stream=leat_" + level + " setting=max_age wanted=0s actual=2d");
    expect_line(log, "subscription=leat_" + level + "/default setting=ack_wait wanted=30s actual=20s");
    expect_line(log, "subscription=leat_" + level + "/default setting=max_unsettled wanted=65536 actual=5");
  }
  expect_line(log, "bucket=leat_results setting=ttl wanted=7d actual=1h");
  EXPECT_EQ(log.with(kLine), 10U);
  KeptLines pushing;
  Queue later(broker(), {.log = &pushing});
  ASSERT_TRUE(later.push(EncodedJob{"number", "2"}));
  EXPECT_EQ(pushing.with(kLine), 4U);
}

TEST_P(NameSpace, WithoutALogTheDifferenceGoesToStandardError) {
  push(kOwn);
  testing::internal::CaptureStderr();
  push({});
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_NE(told.find("bucket=leat_results setting=ttl wanted=7d actual=1h"), told.npos) << told;
}

TEST_P(NameSpace, WhoOnlyLooksMakesWhatIsMissingAsToldAndSaysNothingOfTheRest) {
  EXPECT_FALSE(Results(broker(), kOwn).get(JobId(Priority::kLow, "a", "b")).value());
  EXPECT_TRUE(broker().open_bucket({.name = "leat_results", .ttl = 1h}).value()->drift().empty());
  testing::internal::CaptureStderr();
  EXPECT_FALSE(Results(broker()).get(JobId(Priority::kLow, "a", "b")).value());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_P(NameSpace, WhatIsOutOfRangeIsRefused) {
  const std::vector<std::pair<NamespaceOptions, std::string>> cases{
      {{.name = "a b"}, "namespace \"a b\": use 1 to 54 letters, digits, `_` or `-`"},
      {{.replicas = 0}, "namespace \"leat\": replicas is 0; allowed are 1 to 5"},
      {{.replicas = 6}, "namespace \"leat\": replicas is 6; allowed are 1 to 5"},
      {{.max_age = 999ms}, "namespace \"leat\": max_age is 0, or 1 s or more"},
      {{.max_age = -1s}, "namespace \"leat\": max_age is 0, or 1 s or more"},
      {{.max_unsettled = 0}, "namespace \"leat\": max_unsettled is 0; it is 1 or more"},
      {{.result_ttl = -1s}, "namespace \"leat\": result_ttl is 0, or 1 s or more"},
  };
  for (const auto& [space, message] : cases) {
    const auto refused = [&message = message](const auto& result) {
      ASSERT_FALSE(result) << message;
      EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(result.error().message(), message);
    };
    refused(Queue(broker(), {.name_space = space}).push(EncodedJob{"number", "1"}));
    refused(Worker(broker(), {.name_space = space}).start());
    refused(Inspector(broker(), space).queues());
    refused(Inspector(broker(), space).dead("default"));
    refused(TestWorker(broker(), {.worker = {.name_space = space}}).enqueued(EnqueuedFilter{}));
    refused(Results(broker(), space).get(JobId(Priority::kLow, "a", "b")));
    refused(QueueControl(broker(), space).paused());
    refused(Schedules(broker(), space).list());
    refused(Events(broker(), space).enable());
  }
  EXPECT_FALSE(has_stream("leat_medium"));
}

TEST_P(NameSpace, AJobThatIsOlderThanMaxAgeIsGone) {
  push({.max_age = 2s});
  EXPECT_EQ(messages("leat_medium"), 1U);
  EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
}

TEST_P(NameSpace, InMemoryIsASettingThatIsToldOf) {
  push({.storage = Storage::kMemory});
  KeptLines log;
  ASSERT_TRUE(Queue(broker(), {.log = &log}).push(EncodedJob{"number", "1"}));
  EXPECT_EQ(log.with("stream=leat_medium setting=storage wanted=file actual=memory"), 1U);
}

TEST_P(NameSpace, NoMoreThanMaxUnsettledAreUnderWay) {
  const NamespaceOptions few{.max_unsettled = 2};
  for (int i = 0; i < 5; ++i) push(few);
  Worker worker(broker(), {.concurrency = 5, .name_space = few});
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<bool> held{true};
  worker.handle("number", [&](JobContext&) {
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
    while (held) leat::sleep_for(real_clock(), 1ms, {});
    --running;
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return running == 2; }));
  held = false;
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 5; }));
  EXPECT_EQ(most, 2);
}

TEST_P(NameSpace, WithoutDeadLettersADeadJobIsGoneAndItsResultRecordEventAndLogSayWhy) {
  KeptLines log;
  ASSERT_TRUE(Events(broker(), kNoLetters).enable());
  const JobId id = push(kNoLetters, {.result = KeepResult::kYes, .track = true});
  Worker worker(broker(), {.concurrency = 1, .name_space = kNoLetters, .log = &log});
  worker.handle("number", [](JobContext&) { return Outcome::dead("no use"); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_EQ(messages("leat_medium"), 0U);
  worker.stop();
  EXPECT_FALSE(has_stream("leat_dlq"));
  const auto result = Results(broker(), kNoLetters).get(id).value();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->state, JobResult::State::kDead);
  EXPECT_EQ(result->error, "no use");
  EXPECT_EQ(Inspector(broker(), kNoLetters).job(id).value().state, JobStatus::State::kDead);
  EXPECT_EQ(log.with("job is dead job_id=" + id.str()), 1U);
  EXPECT_EQ(log.with("error=no use dead_letter=none"), 1U);
  EXPECT_TRUE(DeadLetters(broker(), kNoLetters).list().value().empty());
  auto reader = Events(broker(), kNoLetters).read().value();
  std::size_t dead = 0;
  EXPECT_TRUE(eventually([&] {
    for (const JobEvent& event : reader.next(0ms, {}).value()) dead += event.what == JobEvent::What::kDead ? 1 : 0;
    return dead > 0;
  }));
  EXPECT_EQ(dead, 1U);
}

TEST_P(NameSpace, WithoutDeadLettersWhatNoHandlerCouldBeginStays) {
  KeptLines log;
  Queue queue(broker(), {.name_space = kNoLetters});
  ASSERT_TRUE(queue.push(EncodedJob{"number", "seven"}));
  ASSERT_TRUE(queue.push(EncodedJob{"unheard", "1"}));
  Worker worker(broker(),
                {.concurrency = 1, .max_attempts = 2, .unknown_kind_grace = 1s, .name_space = kNoLetters, .log = &log});
  std::atomic<int> calls{0};
  worker.handle("number", [&](JobContext&) {
    ++calls;
    return Outcome::undecodable("not a number");
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return calls >= 4 && log.with("no handler for this kind") >= 1; }));
  worker.stop();
  EXPECT_EQ(messages("leat_medium"), 2U);
  EXPECT_EQ(worker.counts().dead, 0U);
  EXPECT_EQ(worker.counts().retried, 0U);
  EXPECT_GE(log.with("or the job waits on"), 1U);
  EXPECT_EQ(log.with("becomes a dead letter"), 0U);
  EXPECT_GE(log.with("a job cannot be decoded and stays in its queue"), 4U);
  EXPECT_EQ(log.with("job is dead"), 0U);
  EXPECT_FALSE(has_stream("leat_dlq"));
}

TEST_P(NameSpace, DeadLettersAreKeptWhereTheirStreamIs) {
  push({});
  KeptLines log;
  Worker worker(broker(), {.concurrency = 1, .name_space = kNoLetters, .log = &log});
  worker.handle("number", [](JobContext&) { return Outcome::dead("no use"); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_EQ(messages("leat_dlq"), 1U);
  expect_line(log, "stream=leat_dlq setting=enable_dlq wanted=false actual=true");
}

TEST_P(NameSpace, AnImportWithoutDeadLettersIsRefused) {
  std::istringstream none;
  const auto refused = DeadLetters(broker(), kNoLetters).import_from(none);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
}

LEAT_ON_EVERY_JOBS_BROKER(NameSpace);

}  // namespace
}  // namespace leat::test
