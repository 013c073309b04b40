// Recurring schedules on a clock that only the test moves, with steps cut off.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <set>

#include "broker/fault_broker.h"
#include "core/mutex.h"
#include "leat/memory_broker.h"
#include "leat/schedules.h"
#include "leat/testing.h"
#include "leat/worker.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

class TickerTest : public testing::Test {
 protected:
  struct Run {
    SystemTime tick;
    bool catch_up;
  };

  static EncodedJob job() { return {"tick", "{}", {}}; }
  std::unique_ptr<Worker> start_worker(Broker& on) {
    // The clock runs so fast that a thread that has to wait is past a shorter lease.
    auto worker = std::make_unique<Worker>(on, WorkerOptions{.concurrency = 1, .ack_wait = 1h});
    worker->handle("tick", [this](JobContext& context) {
      MutexLock lock(mutex_);
      runs_[std::string(context.schedule())].push_back({context.scheduled_at().value(), context.is_catch_up()});
      return Outcome::done();
    });
    worker->start().value();
    return worker;
  }
  std::vector<Run> runs(const std::string& schedule) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return runs_[schedule];
  }
  std::size_t count(const std::string& schedule) { return runs(schedule).size(); }
  bool each_once(const std::string& schedule) {
    std::set<SystemTime> seen;
    for (const Run& run : runs(schedule)) {
      if (!seen.insert(run.tick).second) return false;
    }
    return true;
  }
  bool ticked_at(const std::string& schedule, const std::set<SystemTime>& wanted) {
    std::set<SystemTime> seen;
    for (const Run& run : runs(schedule)) seen.insert(run.tick);
    return seen == wanted;
  }
  // In steps that leave the threads time to see them: a tick that nobody looks at for 30 s is a missed one.
  void pass(Duration time, Duration step) {
    for (Duration passed{0}; passed < time; passed += step) {
      clock.advance(step);
      const SteadyTime until = real_clock().steady() + 500ms;  // while nobody leads, none is made
      do {
        sleep_for(real_clock(), 2ms, {});
      } while (is_behind() && real_clock().steady() < until);
    }
  }
  bool is_behind() {
    const auto list = schedules.list().value();
    return std::any_of(list.begin(), list.end(), [this](const ScheduleInfo& info) {
      return !info.paused && info.next && *info.next + info.schedule.jitter <= clock.now();
    });
  }
  bool eventually(const std::function<bool()>& happened, Duration step = 1ms) {
    const SteadyTime until = real_clock().steady() + 20s;
    while (!happened()) {
      if (real_clock().steady() > until) return false;
      clock.advance(step);
      sleep_for(real_clock(), 1ms, {});
    }
    return true;
  }

  // The clock moves on, so that a leader that has lost its lock is followed by another one.
  Result<void> meanwhile(const std::function<Result<void>()>& act) {
    auto acted = std::async(std::launch::async, act);
    EXPECT_TRUE(eventually([&] { return acted.wait_for(0s) == std::future_status::ready; }));
    return acted.get();
  }

  ManualClock clock;  // begins at 2026-01-01 00:00:00 UTC
  const SystemTime begin = clock.now();
  Faults faults;
  std::unique_ptr<Broker> memory = open_memory_broker({.clock = &clock});
  Broker* const inner = memory.get();
  std::unique_ptr<Broker> broker = make_fault_broker(std::move(memory), faults);
  Schedules schedules{*inner};

 private:
  Mutex mutex_;
  std::map<std::string, std::vector<Run>> runs_ LEAT_GUARDED_BY(mutex_);
};

TEST_F(TickerTest, TicksAtItsTimesUntilItIsFinished) {
  EXPECT_EQ(schedules.put({.name = "minutely", .cron = "* * * * *"}, job()).value(), ScheduleChange::kCreated);
  EXPECT_EQ(schedules.put({.name = "minutely", .cron = "* * * * *"}, job()).value(), ScheduleChange::kUnchanged);
  schedules.put({.name = "thrice", .every = 20s, .repeat = 3}, job()).value();
  schedules.put({.name = "windowed", .every = 10s, .start = begin + 25s, .end = begin + 47s}, job()).value();
  const auto worker = start_worker(*inner);
  pass(200s, 500ms);
  EXPECT_TRUE(eventually([&] { return count("minutely") == 3; })) << count("minutely");
  EXPECT_TRUE(eventually([&] { return count("thrice") == 3; })) << count("thrice");
  ASSERT_TRUE(eventually([&] { return count("windowed") == 3; })) << count("windowed");
  EXPECT_EQ(runs("minutely")[0].tick, begin + 1min);
  EXPECT_EQ(runs("thrice")[2].tick, begin + 60s);
  EXPECT_EQ(runs("windowed")[0].tick, begin + 25s);
  EXPECT_EQ(runs("windowed")[2].tick, begin + 45s);
  EXPECT_TRUE(schedules.get("thrice")->finished);
  EXPECT_TRUE(schedules.get("windowed")->finished);
  EXPECT_FALSE(schedules.get("minutely")->finished);
  EXPECT_EQ(schedules.get("minutely")->runs, 3U);
  EXPECT_EQ(schedules.get("minutely")->next, begin + 4min);
}

TEST_F(TickerTest, MissedTicksAreSkippedOrMadeUpForOnceOrAll) {
  const auto put = [&](const std::string& name, Schedule::Missed missed) {
    schedules.put({.name = name, .cron = "*/10 * * * *", .missed = missed, .missed_window = 1h}, job()).value();
  };
  put("skip", Schedule::Missed::kSkip);
  put("once", Schedule::Missed::kOnce);
  put("all", Schedule::Missed::kAll);
  clock.advance(3h + 5min);  // nobody was up
  const auto worker = start_worker(*inner);
  ASSERT_TRUE(eventually([&] { return count("all") >= 6 && count("once") >= 1; }));
  pass(5s, 1s);
  EXPECT_EQ(count("skip"), 0U);
  ASSERT_EQ(count("once"), 1U);
  EXPECT_EQ(runs("once")[0].tick, begin + 3h);
  EXPECT_TRUE(runs("once")[0].catch_up);
  ASSERT_EQ(count("all"), 6U) << "those of the last hour";
  EXPECT_EQ(runs("all")[0].tick, begin + 2h + 10min);
  EXPECT_EQ(runs("all")[5].tick, begin + 3h);
  pass(5min, 1s);
  ASSERT_TRUE(eventually([&] { return count("skip") == 1 && count("once") == 2 && count("all") == 7; }));
  EXPECT_EQ(runs("skip")[0].tick, begin + 3h + 10min);
  EXPECT_FALSE(runs("once")[1].catch_up);
}

TEST_F(TickerTest, ATickIsLeftOutWhileTheLastOnesJobIsNotDone) {
  schedules.put({.name = "slow", .every = 10s, .overlap = Schedule::Overlap::kSkip}, EncodedJob{"slow", "", {}})
      .value();
  Mutex mutex;
  std::vector<Completion> held;
  std::vector<SystemTime> ticks;
  Worker worker(*inner, {.concurrency = 1, .ack_wait = 1h});
  worker.handle_async("slow", [&](Completion completion) {
    MutexLock lock(mutex);
    ticks.push_back(completion.job().scheduled_at().value());
    held.push_back(std::move(completion));
  });
  ASSERT_TRUE(worker.start());
  const auto begun = [&] {
    MutexLock lock(mutex);
    return ticks.size();
  };
  ASSERT_TRUE(eventually([&] { return begun() == 1; }, 100ms));
  pass(35s, 500ms);
  EXPECT_EQ(begun(), 1U);
  {
    MutexLock lock(mutex);
    held.front().finish(Outcome::done());
  }
  ASSERT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  ASSERT_TRUE(eventually([&] { return begun() == 2; }, 100ms));
  MutexLock lock(mutex);
  EXPECT_EQ(ticks[0], begin + 10s);
  EXPECT_GE(ticks[1], begin + 40s);
  held.back().finish(Outcome::done());
}

TEST_F(TickerTest, JitterSpreadsTicksAndMissesNone) {
  schedules.put({.name = "spread", .every = 60s, .jitter = 30s}, job()).value();
  const auto worker = start_worker(*inner);
  pass(10min + 31s, 1s);
  ASSERT_TRUE(eventually([&] { return count("spread") == 10; })) << count("spread");
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(runs("spread")[i].tick, begin + (i + 1) * 60s);
}

TEST_F(TickerTest, AWallClockThatJumpsDoublesNoTick) {
  const auto put = [&](const std::string& name, Schedule::Missed missed) {
    schedules.put({.name = name, .cron = "* * * * *", .missed = missed, .missed_window = 2h}, job()).value();
  };
  put("skip", Schedule::Missed::kSkip);
  put("once", Schedule::Missed::kOnce);
  put("all", Schedule::Missed::kAll);
  const auto are = [&](std::size_t skip, std::size_t once, std::size_t all) {
    return count("skip") == skip && count("once") == once && count("all") == all;
  };
  const auto worker = start_worker(*inner);
  pass(5min + 35s, 1s);
  ASSERT_TRUE(eventually([&] { return are(5, 5, 5); }));
  clock.jump_wall(1h);
  ASSERT_TRUE(eventually([&] { return are(5, 6, 65); })) << count("once") << " " << count("all");
  EXPECT_EQ(runs("once")[5].tick, begin + 1h + 5min);
  EXPECT_TRUE(runs("once")[5].catch_up);
  clock.jump_wall(-1h);
  pass(10min, 5s);
  EXPECT_TRUE(are(5, 6, 65)) << "these minutes have ticked already";
  pass(50min, 10s);
  EXPECT_TRUE(are(5, 6, 65)) << "these minutes have ticked already";
  pass(1min, 1s);
  EXPECT_TRUE(eventually([&] { return are(6, 7, 66); })) << count("skip");
  EXPECT_EQ(runs("skip")[5].tick, begin + 1h + 6min);
  for (const char* name : {"skip", "once", "all"}) EXPECT_TRUE(each_once(name)) << name;
}

// Everything that the ticker asks of the broker, cut off at its n-th call: before it was done, and after. What is asked
// about overlapping jobs can be cut off only where they are left out, and there the worker's pace decides which tick.
TEST_F(TickerTest, NoStepThatIsCutOffLosesOrDoublesATick) {
  int bitten = 0;
  int number = 0;
  for (const Operation operation :
       {Operation::kAppend, Operation::kKeyWrite, Operation::kKeyRead, Operation::kReadLast}) {
    for (std::uint64_t call = 1; call <= 4; ++call) {
      for (const bool answer_lost : {false, true}) {
        SCOPED_TRACE(std::string(to_string(operation)) + " " + std::to_string(call) + (answer_lost ? " lost" : ""));
        faults.clear();
        const std::string name = "s" + std::to_string(++number);
        const SystemTime from = clock.now();
        const bool overlaps = operation != Operation::kReadLast;
        schedules
            .put({.name = name,
                  .every = 1s,
                  .start = from + 1s,
                  .repeat = 3,
                  .overlap = overlaps ? Schedule::Overlap::kAllow : Schedule::Overlap::kSkip,
                  .missed = Schedule::Missed::kAll},
                 job())
            .value();
        const auto worker = start_worker(*broker);
        std::atomic<bool> hit{false};
        const std::uint64_t before = faults.calls(operation);
        faults.before(operation, [&](const Call& one) {
          if (one.number != before + call) return Fault::none();
          hit = true;
          return answer_lost ? Fault::lose_answer(ErrorCode::kUnavailable) : Fault::fail();
        });
        EXPECT_TRUE(eventually([&] { return count(name) >= 3; }, 10ms)) << count(name);
        EXPECT_TRUE(each_once(name));
        EXPECT_TRUE(eventually([&] { return schedules.get(name)->finished; }, 10ms));
        EXPECT_EQ(count(name), 3U);
        EXPECT_TRUE(!overlaps || ticked_at(name, {from + 1s, from + 2s, from + 3s}));
        if (hit) ++bitten;
        faults.clear();
        worker->stop();
        schedules.remove(name).value();
      }
    }
  }
  EXPECT_GE(bitten, 12);
}

TEST_F(TickerTest, RemovedAndPausedSchedulesTickNoMore) {
  const auto worker = start_worker(*inner);
  for (int round = 0; round < 20; ++round) {
    const std::string name = "r" + std::to_string(round);
    schedules.put({.name = name, .every = 1s}, job()).value();
    pass(1s, 50ms + round * 3ms);
    if (round % 2 == 0) {
      meanwhile([&] { return schedules.remove(name); }).value();
    } else {
      meanwhile([&] { return schedules.pause(name); }).value();
    }
    // What was made by then may still run.
    ASSERT_TRUE(eventually([&] { return inner->admin().stream("leat_medium").value().messages == 0; }));
    const std::size_t by_then = count(name);
    pass(5s, 250ms);
    EXPECT_EQ(count(name), by_then) << name;
  }
}

TEST_F(TickerTest, APausedOneGoesOnFromNowWhenItIsResumed) {
  schedules.put({.name = "p", .every = 60s}, job()).value();
  schedules.pause("p").value();
  EXPECT_TRUE(schedules.get("p")->paused);
  EXPECT_FALSE(schedules.get("p")->next);
  const auto worker = start_worker(*inner);
  pass(10min, 10s);
  EXPECT_EQ(count("p"), 0U);
  schedules.resume("p").value();
  pass(61s, 1s);
  ASSERT_TRUE(eventually([&] { return count("p") == 1; }));
  EXPECT_EQ(runs("p")[0].tick, begin + 11min);
}

}  // namespace
}  // namespace leat
