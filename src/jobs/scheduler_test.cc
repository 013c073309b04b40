// Moves that are cut off between any two of their steps, and what time does to jobs that wait.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "broker/fault_broker.h"
#include "broker/leader_lock.h"
#include "core/mutex.h"
#include "jobs/job_streams.h"
#include "leat/inspector.h"
#include "leat/job_control.h"
#include "leat/memory_broker.h"
#include "leat/queue.h"
#include "leat/queue_control.h"
#include "leat/testing.h"
#include "leat/worker.h"
#include "leat/workflow.h"
#include "tests/support/kept_lines.h"

namespace leat {
namespace {

using namespace std::chrono_literals;
using State = JobStatus::State;

// A broker that fails, on a clock that only the test moves.
class SchedulerTest : public testing::Test {
 protected:
  static EncodedJob job(std::string payload) { return {"step", std::move(payload), {}}; }
  bool eventually(const std::function<bool()>& happened, Duration step = 20ms) {
    const SteadyTime until = real_clock().steady() + 60s;
    while (!happened()) {
      if (real_clock().steady() > until) return false;
      clock.advance(step);
      sleep_for(real_clock(), 1ms, {});
    }
    return true;
  }
  std::unique_ptr<Worker> start_worker(Duration ack_wait = WorkerOptions{}.ack_wait) {
    auto worker = std::make_unique<Worker>(*broker, WorkerOptions{.concurrency = 1, .ack_wait = ack_wait});
    worker->handle("step", [this](JobContext& context) {
      ++(context.payload() == "last" ? last_ran : others_ran);
      return Outcome::done();
    });
    worker->start().value();
    return worker;
  }
  // Before the clock leaps: a leader whose time is over begins nothing. What it claims it writes down first.
  bool somebody_leads() {
    const auto records = open_leader(*inner, Names({.name = "leat"})).value();
    return eventually([&] { return records->get("ticking").value().has_value(); }, 1ms);
  }
  struct Cut {
    Operation operation;
    std::uint64_t call;
    bool answer_lost;

    std::string name() const {
      return std::string(to_string(operation)) + " " + std::to_string(call) + (answer_lost ? " lost" : "");
    }
  };
  static std::vector<Cut> all_cuts() {
    std::vector<Cut> cuts;
    for (const Operation operation :
         {Operation::kAppend, Operation::kReadBySequence, Operation::kReadLast, Operation::kRemove,
          Operation::kKeyWrite, Operation::kRead, Operation::kSettle, Operation::kKeyRead}) {
      for (std::uint64_t call = 1; call <= 3; ++call) {
        cuts.push_back({operation, call, false});
        cuts.push_back({operation, call, true});
      }
    }
    return cuts;
  }
  void set(const Cut& cut, std::atomic<bool>& hit) {
    const std::uint64_t from = faults.calls(cut.operation);
    faults.before(cut.operation, [cut, from, &hit](const Call& call) {
      if (call.number != from + cut.call) return Fault::none();
      hit = true;
      return cut.answer_lost ? Fault::lose_answer(ErrorCode::kUnavailable) : Fault::fail();
    });
  }
  // Past the faults.
  State state(const JobId& id) { return Inspector(*inner).job(id).value().state; }

  ManualClock clock;
  Faults faults;
  std::unique_ptr<Broker> memory = open_memory_broker({.clock = &clock});
  Broker* const inner = memory.get();
  std::unique_ptr<Broker> broker = make_fault_broker(std::move(memory), faults);
  std::atomic<int> last_ran{0};
  std::atomic<int> others_ran{0};
};

// Everything that the scheduler and the settler do, cut off at its n-th call: before it was done, and after.
TEST_F(SchedulerTest, NoStepThatIsCutOffLosesOrDoublesADependent) {
  int bitten = 0;
  const auto cuts = all_cuts();
  for (const Cut& cut : cuts) {
    SCOPED_TRACE(cut.name());
    faults.clear();
    last_ran = others_ran = 0;
    Queue queue(*inner);
    auto ids = push_chain(queue, {job("first"), job("second"), job("last")}).value();
    const auto worker = start_worker(1h);
    std::atomic<bool> hit{false};
    set(cut, hit);
    EXPECT_TRUE(eventually([&] { return last_ran > 0 && state(ids[2]) == State::kDone; }));
    EXPECT_EQ(last_ran, 1);
    EXPECT_EQ(others_ran, 2);
    if (hit) ++bitten;
    faults.clear();
  }
  EXPECT_GE(bitten, static_cast<int>(cuts.size()) / 3);
}

// Jobs that are put off again and again leave their earlier times behind.
TEST_F(SchedulerTest, TimesThatNoLongerCountAreForgotten) {
  Queue queue(*inner);
  std::vector<JobId> ids;
  const std::vector<Result<EncodedJob>> jobs(50, job("last"));
  for (auto& pushed : queue.push_many(jobs, {.delay = 1h})) ids.push_back(std::move(pushed.value()));
  const auto worker = start_worker();
  ASSERT_TRUE(somebody_leads());
  JobControl control(*inner);
  const SystemTime begin = clock.now();
  for (int round = 1; round <= 25; ++round) {
    for (const JobId& id : ids) ASSERT_TRUE(control.reschedule(id, begin + 11min + 1s * round));
    // When it has run, the leader has seen all that was stored before it.
    (void)queue.push(job("sentinel"), {.delay = 1ms}).value();
    ASSERT_TRUE(eventually([&] { return others_ran == round; }));
  }
  for (const JobId& id : ids) ASSERT_TRUE(control.reschedule(id, begin + 24h));
  ASSERT_TRUE(eventually([&] { return clock.now() > begin + 10min + 45s; }, 500ms));
  const std::uint64_t reads = faults.calls(Operation::kReadBySequence);
  ASSERT_TRUE(eventually([&] { return clock.now() > begin + 12min; }, 500ms));
  EXPECT_EQ(faults.calls(Operation::kReadBySequence), reads);
  EXPECT_EQ(state(ids.front()), State::kScheduled);
}

// What was appended before is removed, and the rest is moved later.
TEST_F(SchedulerTest, ARowWhoseReaderFailsIsMovedOnce) {
  constexpr int kJobs = 4000;
  for (const auto& [operation, nth] :
       {std::pair{Operation::kOpenReader, 1}, {Operation::kRead, 1}, {Operation::kRead, 3}}) {
    SCOPED_TRACE(std::string(to_string(operation)) + " " + std::to_string(nth));
    faults.clear();
    others_ran = 0;
    Queue queue(*inner);
    const std::vector<Result<EncodedJob>> jobs(kJobs, job("step"));
    for (const auto& pushed : queue.push_many(jobs, {.delay = 5s})) (void)pushed.value();
    (void)queue.push(job("sentinel"), {.delay = 1ms}).value();
    const auto worker = start_worker(1h);
    ASSERT_TRUE(eventually([&] { return others_ran == 1; }, 1ms));
    std::atomic<int> calls{0};
    const std::uint64_t opened = faults.calls(Operation::kOpenReader);
    faults.before(operation, [&, is_read = operation == Operation::kRead, last = nth](const Call&) {
      if (is_read && faults.calls(Operation::kOpenReader) == opened) return Fault::none();
      return ++calls == last ? Fault::fail() : Fault::none();
    });
    ASSERT_TRUE(
        eventually([&] { return others_ran > kJobs && inner->admin().stream("leat_scheduled")->messages == 0; }));
    EXPECT_GE(calls, nth);
    EXPECT_EQ(others_ran, kJobs + 1);
  }
}

// However many have become ready at once.
TEST_F(SchedulerTest, AFanOutKeepsNoDelayedJobBack) {
  constexpr std::size_t kJobs = 500;
  Queue queue(*broker);
  const JobId parent = queue.push(job("step"), {.track = true}).value();
  const JobId delayed = queue.push(job("step"), {.delay = 1ms}).value();
  const std::vector<Result<EncodedJob>> children(kJobs, job(std::string(64 << 10, 'x')));
  for (const auto& pushed : queue.push_many(children, {.after = {parent}})) (void)pushed.value();
  Worker follower(*broker, {.concurrency = 1, .scheduler = false});
  follower.handle("step", [](JobContext&) { return Outcome::done(); });
  follower.start().value();
  ASSERT_TRUE(eventually([&] { return state(parent) == State::kDone; }));
  follower.stop();
  Worker leader(*broker, {.queues = {"other"}});
  leader.start().value();
  const auto facts = [&](const char* stream) { return inner->admin().stream(stream).value(); };
  ASSERT_TRUE(eventually([&] { return facts("leat_scheduled").messages == 0; }, 4ms));
  EXPECT_EQ(facts("leat_medium").messages, kJobs + 1);
  const auto place = inner->admin().read_last("leat_medium", "leat." + delayed.str()).value();
  ASSERT_TRUE(place);
  EXPECT_LT(place->sequence, kJobs);
}

// The same for jobs that wait for their time, some of them given another time meanwhile.
TEST_F(SchedulerTest, NoStepThatIsCutOffLosesOrDoublesADelayedJob) {
  int bitten = 0;
  for (const Cut& cut : all_cuts()) {
    SCOPED_TRACE(cut.name());
    faults.clear();
    last_ran = others_ran = 0;
    Queue queue(*inner);
    std::vector<JobId> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(queue.push(job("step"), {.track = true, .delay = 100ms}).value());
    ids.push_back(queue.push(job("last"), {.track = true, .delay = 1h}).value());
    const auto worker = start_worker();
    std::atomic<bool> hit{false};
    set(cut, hit);
    EXPECT_TRUE(JobControl(*inner).promote(ids[5]));
    // Small steps: a leader that the machine lets starve must not lose its lock by them again and again.
    EXPECT_TRUE(eventually([&] { return others_ran >= 5 && last_ran >= 1; }, 4ms));
    EXPECT_TRUE(eventually(
        [&] { return std::all_of(ids.begin(), ids.end(), [&](const JobId& id) { return state(id) == State::kDone; }); },
        4ms));
    EXPECT_EQ(last_ran, 1);
    EXPECT_EQ(others_ran, 5);
    if (hit) ++bitten;
    faults.clear();
  }
  EXPECT_GE(bitten, 16);
}

TEST_F(SchedulerTest, AWallClockThatJumpsLosesAndDoublesNothing) {
  Queue queue(*inner);
  const auto worker =
      start_worker(2h);  // the clock runs so fast that a thread that has to wait is past a shorter lease
  for (int minute = 1; minute <= 120; ++minute) {
    ASSERT_TRUE(queue.push(job("step"), {.delay = std::chrono::minutes(minute)}));
  }
  const auto pass = [&](int minutes) {
    for (int i = 0; i < minutes * 60; ++i) {
      clock.advance(1s);
      if (i % 20 == 0) sleep_for(real_clock(), 1ms, {});
    }
  };
  pass(10);
  EXPECT_TRUE(eventually([&] { return others_ran == 10; }, 1ms)) << others_ran;
  clock.jump_wall(1h);
  EXPECT_TRUE(eventually([&] { return others_ran == 70; }, 1ms)) << others_ran;
  clock.jump_wall(-1h);
  pass(30);
  EXPECT_EQ(others_ran, 70) << "the clock shows again what it showed before";
  pass(31);
  EXPECT_TRUE(eventually([&] { return others_ran == 71; }, 1ms)) << others_ran;
  clock.jump_wall(24h);
  EXPECT_TRUE(eventually([&] { return others_ran == 120; }, 1ms)) << others_ran;
  EXPECT_TRUE(eventually([&] { return inner->admin().stream("leat_scheduled").value().messages == 0; }, 1ms));
}

TEST_F(SchedulerTest, AWaitingJobRemembersItsParentsLongerThanTheirRecordsAreKept) {
  Queue queue(*broker);
  const JobId early = queue.push(job("early"), {.track = true}).value();
  Queue held(*broker, {.name = "held"});
  const JobId late = held.push(job("late"), {.track = true}).value();
  const JobId child = queue.push(job("last"), {.track = true, .after = {early, late}}).value();
  auto worker = start_worker();
  ASSERT_TRUE(somebody_leads());
  ASSERT_TRUE(eventually([&] { return state(early) == State::kDone; }));
  // After a day the scheduler writes down what it has seen; the record of the early one is gone after a week.
  const auto last_written = [&] { return inner->admin().stream("leat_scheduled").value().last_sequence; };
  const std::uint64_t written = last_written();
  ASSERT_TRUE(eventually([&] { return last_written() > written; }, 2min));
  clock.advance(24h * 7);
  ASSERT_EQ(state(early), State::kUnknown);
  worker->stop();
  worker = start_worker();  // it knows only what is written
  Worker late_worker(*broker, {.queues = {"held"}, .concurrency = 1});
  late_worker.handle("step", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(late_worker.start());
  EXPECT_TRUE(eventually([&] { return state(child) == State::kDone; })) << static_cast<int>(state(child));
}

TEST_F(SchedulerTest, AParentPurgedWhileAllIsQuietIsFoundOut) {
  Queue held(*broker, {.name = "held"});
  const JobId parent = held.push(job("parent"), {.track = true}).value();
  const JobId child = Queue(*broker).push(job("last"), {.track = true, .after = {parent}}).value();
  const auto worker = start_worker();
  ASSERT_TRUE(eventually([&] { return faults.calls(Operation::kReadLast) > 4; }));
  EXPECT_EQ(QueueControl(*broker).purge("held").value(), 1U);
  EXPECT_TRUE(eventually([&] { return state(child) == State::kCancelled; }, 30s));
}

TEST_F(SchedulerTest, CallsThatAreOverOrOldAreClearedAway) {
  Queue queue(*broker);
  const JobId id = queue.push(job("last")).value();
  const auto worker = start_worker();
  ASSERT_TRUE(somebody_leads());
  auto control = broker->open_bucket({.name = "leat_control"}).value();
  control->put("cancel." + id.str(), R"({"version":1,"sequence":1,"answer":"held","worker":"w","over":true})").value();
  control->put("ask.medium.default.other", R"({"version":1,"sequence":1})").value();
  EXPECT_TRUE(eventually([&] { return control->list("cancel").value().empty(); }, 30s));
  EXPECT_EQ(control->list("ask").value().size(), 1U);
  EXPECT_TRUE(eventually([&] { return control->list("ask").value().empty(); }, 10min));
  EXPECT_FALSE(control->list("queue").value().empty());
}

// The answers to its looks say that the record is its own, and tell of no renewal.
TEST_F(SchedulerTest, ALeaderThatCannotWriteLeadsNoMoreWhenAnotherDoes) {
  const auto own_records = broker->open_bucket({.name = "locks"}).value();
  const auto other_records = inner->open_bucket({.name = "locks"}).value();
  LeaderLock first({*own_records, clock, "role", "first", 6s, no_log()});
  LeaderLock second({*other_records, clock, "role", "second", 6s, no_log()});
  first.start();
  ASSERT_TRUE(eventually([&] { return first.is_held(); }));
  faults.before(Operation::kKeyWrite, [](const Call&) { return Fault::fail(); });
  second.start();
  EXPECT_TRUE(eventually([&] {
    const bool another_leads = second.is_held();
    EXPECT_FALSE(another_leads && first.is_held());
    return another_leads;
  }));
  second.stop();
  first.stop();
}

TEST_F(SchedulerTest, WhoStandsBySaysSoOnce) {
  const auto records = inner->open_bucket({.name = "locks"}).value();
  test::KeptLines lines(LogLevel::kInfo);
  LeaderLock first({*records, clock, "role", "first", 6s, no_log()});
  LeaderLock second({*records, clock, "role", "second", 6s, lines});
  first.start();
  ASSERT_TRUE(eventually([&] { return first.is_held(); }));
  const std::uint64_t revision = records->get("role").value()->revision;
  second.start();
  ASSERT_TRUE(eventually([&] { return records->get("role").value()->revision > revision + 3; }, 5ms));
  first.stop();
  ASSERT_TRUE(eventually([&] { return second.is_held(); }));
  EXPECT_EQ(lines.with("stands by: another one leads role=role holder=first"), 1U);
  second.stop();
}

TEST_F(SchedulerTest, WhoFollowsADeadLeaderDoesNotSayThatItLeads) {
  const auto records = inner->open_bucket({.name = "locks"}).value();
  records->create("role", R"({"version":1,"holder":"dead","id":"x"})").value();
  test::KeptLines lines(LogLevel::kInfo);
  LeaderLock second({*records, clock, "role", "second", 6s, lines});
  second.start();
  ASSERT_TRUE(eventually([&] { return second.is_held(); }));
  EXPECT_EQ(lines.with("stands by"), 0U);
  second.stop();
}

TEST_F(SchedulerTest, ALeaderThatCouldNotWriteLeadsAgainWhenItCan) {
  const auto records = broker->open_bucket({.name = "locks"}).value();
  LeaderLock lock({*records, clock, "role", "holder", 6s, no_log()});
  lock.start();
  ASSERT_TRUE(eventually([&] { return lock.is_held(); }));
  faults.before(Operation::kKeyWrite, [](const Call&) { return Fault::fail(); });
  ASSERT_TRUE(eventually([&] { return !lock.is_held(); }));
  const SteadyTime then = clock.steady();
  EXPECT_TRUE(eventually([&] {
    EXPECT_FALSE(lock.is_held());
    return clock.steady() - then > 10s;
  }));
  faults.clear();
  EXPECT_TRUE(eventually([&] { return lock.is_held(); }));
  // An answer that is lost is no renewal that is lost.
  faults.next(Operation::kKeyWrite, Fault::lose_answer());
  const std::uint64_t writes = faults.calls(Operation::kKeyWrite);
  EXPECT_TRUE(eventually(
      [&] {
        EXPECT_TRUE(lock.is_held());
        return faults.calls(Operation::kKeyWrite) > writes + 2;
      },
      4ms));
  lock.stop();
}

TEST_F(SchedulerTest, FanInOverTenThousandParentsRunsItsJobOnce) {
  Queue queue(*broker);
  std::vector<Result<EncodedJob>> members;
  for (int i = 0; i < 10'000; ++i) members.emplace_back(job("member"));
  const auto worker = start_worker(2h);
  const Group group = push_group(queue, std::move(members), job("last")).value();
  EXPECT_TRUE(eventually([&] { return state(group.callback) == State::kDone; }));
  EXPECT_EQ(last_ran, 1);
  EXPECT_EQ(others_ran, 10'000);
}

}  // namespace
}  // namespace leat
