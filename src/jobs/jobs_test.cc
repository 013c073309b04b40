// The whole of jobs on the memory broker.
#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/json.h"
#include "leat/leat.h"
#include "leat/memory_broker.h"
#include "leat/testing.h"
#include "tests/support/keeper_clock.h"

namespace leat {

struct Greeting {
  std::string to;
  int times = 1;
  static constexpr std::string_view kind = "greeting";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Greeting, to, times)

namespace {

using namespace std::chrono_literals;

// Waits on the machine's clock until `ready()`, and says whether it came.
template <class Predicate>
bool eventually(Predicate ready) {
  const SteadyTime until = real_clock().steady() + 20s;
  while (!ready()) {
    if (real_clock().steady() > until) return false;
    leat::sleep_for(real_clock(), 1ms, {});
  }
  return true;
}

struct JobsTest : ::testing::Test {
  std::unique_ptr<Broker> broker = open_memory_broker();
  Queue queue{*broker};
};

TEST_F(JobsTest, ATypedJobRuns) {
  ASSERT_TRUE(queue.push(Greeting{"Ada", 3}));
  Worker worker(*broker, {.concurrency = 2});
  std::atomic<int> times{0};
  worker.handle<Greeting>([&](const Greeting& greeting) { times = greeting.times; });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  EXPECT_EQ(times, 3);
  worker.stop();
  EXPECT_EQ(broker->admin().stream("leat_medium")->messages, 0U);
}

TEST_F(JobsTest, TheIdIsTheSameEverywhere) {
  const JobId id = queue.push(Greeting{"Ada"}, {.priority = Priority::kHigh, .result = KeepResult::kYes}).value();
  Worker worker(*broker, {.concurrency = 1});
  std::string seen;
  worker.handle<Greeting>([&](const Greeting&, JobContext& context) {
    seen = context.id().str();
    return "hello";
  });
  ASSERT_TRUE(worker.start());
  const auto result = Results(*broker).wait(id, 20s);
  ASSERT_TRUE(result) << result.error().message();
  ASSERT_TRUE(*result);
  EXPECT_EQ((*result)->value, "hello");
  EXPECT_EQ((*result)->attempts, 1U);
  worker.stop();
  EXPECT_EQ(seen, id.str());
  EXPECT_EQ(id.priority(), Priority::kHigh);
  EXPECT_EQ(id.queue(), "default");
}

TEST_F(JobsTest, ManyJobsRunOnceEach) {
  constexpr int kJobs = 20'000;
  for (const Lane lane : {Lane::kAddressable, Lane::kBulk}) {
    std::vector<Result<EncodedJob>> jobs;
    for (int i = 0; i < kJobs; ++i) jobs.push_back(EncodedJob{"number", std::to_string(i), {}});
    for (const auto& pushed : queue.push_many(std::move(jobs), {.lane = lane})) ASSERT_TRUE(pushed);
    std::vector<std::atomic<int>> runs(kJobs);
    Worker worker(*broker, {.concurrency = 4});
    worker.handle("number", [&](JobContext& context) {
      ++runs[std::stoul(std::string(context.payload()))];
      return Outcome::done();
    });
    ASSERT_TRUE(worker.start());
    EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs; })) << worker.counts().done;
    worker.stop();
    for (const auto& count : runs) ASSERT_EQ(count, 1);
  }
}

TEST_F(JobsTest, AFailedAttemptIsRetriedAndThenDead) {
  ASSERT_TRUE(queue.push(Greeting{"Ada"}, {.max_attempts = 3}));
  Worker worker(*broker, {.concurrency = 1, .retry = {.first = 5ms, .factor = 1.0}});
  std::vector<unsigned> attempts;
  worker.handle<Greeting>([&](const Greeting&, JobContext& context) {
    attempts.push_back(context.attempt());
    throw std::runtime_error("no post today");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  worker.stop();
  EXPECT_EQ(attempts, (std::vector<unsigned>{1, 2, 3}));

  DeadLetters dead(*broker);
  const auto letters = dead.list();
  ASSERT_TRUE(letters) << letters.error().message();
  ASSERT_EQ(letters->size(), 1U);
  EXPECT_EQ(letters->front().reason, "attempts");
  EXPECT_EQ(letters->front().error, "no post today");
  EXPECT_EQ(letters->front().attempts, 3U);
  EXPECT_EQ(letters->front().payload, R"({"times":1,"to":"Ada"})");
  EXPECT_EQ(Inspector(*broker).dead("default").value(), 1U);
  // Nothing stays behind but the letter.
  EXPECT_EQ(broker->admin().stream("leat_medium")->messages, 0U);
  EXPECT_TRUE(broker->open_bucket({.name = "leat_attempts"}).value()->list("")->empty());
}

TEST_F(JobsTest, ADeadLetterIsRetriedUnderItsId) {
  const JobId id = queue.push(Greeting{"Ada"}, {.max_attempts = 1}).value();
  std::atomic<bool> works{false};
  Worker worker(*broker, {.concurrency = 1});
  worker.handle<Greeting>([&](const Greeting&) { return works ? Outcome::done() : Outcome::dead("closed"); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  DeadLetters dead(*broker);
  works = true;
  EXPECT_EQ(dead.retry(dead.list()->front().number).value(), id);
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  EXPECT_TRUE(dead.list()->empty());
  EXPECT_EQ(dead.retry(1).error().code(), ErrorCode::kNotFound);
}

TEST_F(JobsTest, AnUndecodablePayloadIsDeadWithItsBytes) {
  ASSERT_TRUE(queue.push(EncodedJob{"greeting", "no json at all", {}}));
  Worker worker(*broker, {.concurrency = 1});
  worker.handle<Greeting>([](const Greeting&) {});
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  const auto letters = DeadLetters(*broker).list();
  EXPECT_EQ(letters->front().reason, "undecodable");
  EXPECT_EQ(letters->front().payload, "no json at all");
}

TEST_F(JobsTest, AnUnknownKindWaitsAndIsThenDead) {
  ASSERT_TRUE(queue.push(EncodedJob{"nobody_knows", "x", {}}));
  Worker worker(*broker, {.concurrency = 1, .unknown_kind_grace = 50ms});
  worker.handle<Greeting>([](const Greeting&) {});
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  const auto letters = DeadLetters(*broker).list();
  EXPECT_EQ(letters->front().reason, "unknown_kind");
  EXPECT_EQ(letters->front().attempts, 0U);
}

TEST_F(JobsTest, LowPriorityIsNotStarvedAndHighGoesFirst) {
  constexpr std::size_t kEach = 500;
  for (const Priority priority : kPriorities) {
    std::vector<Result<EncodedJob>> jobs(kEach, EncodedJob{"job", std::string(to_string(priority)), {}});
    queue.push_many(std::move(jobs), {.priority = priority});
  }
  Worker worker(*broker, {.concurrency = 1});
  Mutex mutex;
  std::map<std::string, std::vector<std::size_t>> places;
  std::size_t place = 0;
  worker.handle("job", [&](JobContext& context) {
    leat::sleep_for(real_clock(), 300us, {});  // so that fetching keeps up
    MutexLock lock(mutex);
    places[std::string(context.payload())].push_back(place++);
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().done == 3 * kEach; }));
  worker.stop();
  EXPECT_LT(places["low"].front(), places["high"].back());
  EXPECT_LT(places["high"][kEach / 2], places["medium"][kEach / 2]);
  EXPECT_LT(places["medium"][kEach / 2], places["low"][kEach / 2]);
}

TEST_F(JobsTest, StopGivesBackWhatHasNotBegunAndLetsTheRestFinish) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(queue.push(Greeting{"Ada"}));
  Worker slow(*broker, {.concurrency = 2});
  std::atomic<int> begun{0};
  std::atomic<bool> go{false};
  slow.handle<Greeting>([&](const Greeting&) {
    ++begun;
    eventually([&] { return go.load(); });
  });
  ASSERT_TRUE(slow.start());
  ASSERT_TRUE(eventually([&] { return begun == 2 && slow.counts().unstarted == 2; }));
  const Thread stopper = start_thread("stopper", [&](const std::stop_token&) { slow.stop(); });

  Worker other(*broker, {.concurrency = 2});
  other.handle<Greeting>([](const Greeting&) {});
  ASSERT_TRUE(other.start());
  EXPECT_TRUE(eventually([&] { return other.counts().done == 8; })) << other.counts().done;
  EXPECT_EQ(slow.counts().running, 2U);
  go = true;
  EXPECT_TRUE(eventually([&] { return slow.counts().done == 2; }));
}

TEST_F(JobsTest, AnInterruptedJobCostsNoAttempt) {
  ASSERT_TRUE(queue.push(Greeting{"Ada"}, {.max_attempts = 1}));
  std::atomic<int> runs{0};
  {
    Worker worker(*broker, {.concurrency = 1, .grace = 0ms});
    worker.handle<Greeting>([&](const Greeting&, JobContext& context) {
      ++runs;
      eventually([&] { return context.stop_token().stop_requested(); });
      EXPECT_EQ(context.stop_reason(), StopReason::kShutdown);
      return Outcome::retry("stopped");
    });
    ASSERT_TRUE(worker.start());
    ASSERT_TRUE(eventually([&] { return runs == 1; }));
    worker.stop();
    EXPECT_EQ(worker.counts().interrupted, 1U);
  }
  Worker worker(*broker, {.concurrency = 1});
  worker.handle<Greeting>([&](const Greeting&, JobContext& context) { EXPECT_EQ(context.attempt(), 1U); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
}

TEST_F(JobsTest, ALongJobRunsOnce) {
  constexpr Duration kAckWait = 30s;
  test::KeeperClock clock;
  broker = open_memory_broker({.clock = &clock});
  ASSERT_TRUE(Queue(*broker).push(Greeting{"Ada"}));
  std::atomic<int> runs{0};
  std::atomic<bool> go{false};
  const WorkerOptions options{.concurrency = 1, .ack_wait = kAckWait};
  Worker one(*broker, options);
  Worker two(*broker, options);
  for (Worker* worker : {&one, &two}) {
    worker->handle<Greeting>([&](const Greeting&) {
      ++runs;
      eventually([&] { return go.load(); });
    });
    ASSERT_TRUE(worker->start());
  }
  ASSERT_TRUE(eventually([&] { return runs == 1; }));
  const SteadyTime until = clock.steady() + 3 * kAckWait;
  ASSERT_TRUE(eventually([&] {
    if (const auto look = clock.next_look(2)) clock.advance(*look - clock.steady());
    return clock.steady() > until;
  }));
  go = true;
  EXPECT_TRUE(eventually([&] { return one.counts().done + two.counts().done == 1; }));
  EXPECT_EQ(runs, 1);
}

TEST_F(JobsTest, BadInputIsRefusedAndSaysWhatToDo) {
  Queue dotted{*broker, {.name = "a.b"}};
  EXPECT_EQ(dotted.push(Greeting{}).error().message(), "queue name \"a.b\": use 1 to 64 letters, digits, `_` or `-`");
  Queue longest{*broker, {.name_space = {.name = std::string(54, 'n')}}};
  EXPECT_TRUE(longest.push(Greeting{}, {.delay = 1h}));
  Queue longer{*broker, {.name_space = {.name = std::string(55, 'n')}}};
  EXPECT_NE(longer.push(Greeting{}).error().message().find("use 1 to 54 letters"), std::string::npos);
  const auto big = queue.push(EncodedJob{"x", std::string(queue.max_payload() + 1, 'x'), {}});
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(big.error().message().find("the limit is"), std::string::npos);
  EXPECT_EQ(queue.push(EncodedJob{"a kind", "", {}}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(queue.push(EncodedJob{"", "", {}}).error().code(), ErrorCode::kInvalidArgument);
  Headers taken;
  taken.set("Leat-Kind", "mine");
  EXPECT_EQ(queue.push(EncodedJob{"x", "", taken}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Worker(*broker, {.queues = {}, .scheduler = false}).start().error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Worker(*broker, {.queues = {"a b"}}).start().error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace leat
