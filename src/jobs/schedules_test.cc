// Schedules that are changed, paused and removed at the moment of a tick, and leaders that end in one.
#include "leat/schedules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <nlohmann/json.hpp>

#include "broker/fault_broker.h"
#include "core/mutex.h"
#include "jobs/job_streams.h"
#include "jobs/ticker.h"
#include "leat/memory_broker.h"
#include "leat/testing.h"

namespace leat {
namespace {

using namespace std::chrono_literals;
using Missed = Schedule::Missed;

// Leaders are tickers that the test calls; nobody takes what they enqueue.
class SchedulesTest : public testing::Test {
 protected:
  static EncodedJob job() { return {"tick", "{}", {}}; }
  // As it is when a leader begins.
  std::unique_ptr<Ticker> make_ticker(std::function<bool()> still_leads = [] { return true; }) {
    auto ticker = std::make_unique<Ticker>(
        Ticker::Parts{*broker, names, *claims, *records, events, no_log(), std::move(still_leads)});
    ticker->release_old_claim().value();
    ticker->add(records->list("").value());
    return ticker;
  }
  std::uint64_t jobs_made() {
    const auto facts = inner->admin().stream("leat_medium");
    return facts ? facts->last_sequence : 0;
  }
  // All that is due, by a leader that has heard of every change.
  std::uint64_t tick(Ticker& ticker) {
    ticker.add(records->list("").value());
    while (ticker.next() && *ticker.next() <= clock.now()) ticker.tick().value();
    return jobs_made();
  }
  // Up to the moment when the append has been asked for; release() lets it come to the broker.
  std::future<Result<void>> begin_tick(Ticker& ticker) {
    faults.next(Operation::kAppend, Fault::freeze());
    auto ticked = std::async(std::launch::async, [&ticker] { return ticker.tick(); });
    EXPECT_TRUE(faults.wait_frozen(1, 20s));
    return ticked;
  }
  // Claims, and ends before anything is appended.
  void die_in_a_tick() {
    int asked = 0;
    EXPECT_FALSE(make_ticker([&] { return ++asked < 2; })->tick());
  }
  using Act = Result<void> (Schedules::*)(std::string_view);
  std::future<Result<void>> begin(Act act) {
    return std::async(std::launch::async, [this, act] { return (schedules.*act)("s"); });
  }
  // It does not return: it looks again and again.
  bool waits(const std::future<Result<void>>& done) {
    const std::uint64_t enough = faults.calls(Operation::kKeyRead) + 6;
    const SteadyTime until = real_clock().steady() + 20s;
    while (real_clock().steady() < until) {
      if (done.wait_for(0s) == std::future_status::ready) return false;
      if (faults.calls(Operation::kKeyRead) >= enough) return true;
      sleep_for(real_clock(), 1ms, {});
    }
    return false;
  }

  ManualClock clock;  // begins at 2026-01-01 00:00:00 UTC
  const SystemTime begin_of_day = clock.now();
  Faults faults;
  std::unique_ptr<Broker> memory = open_memory_broker({.clock = &clock});
  Broker* const inner = memory.get();
  std::unique_ptr<Broker> broker = make_fault_broker(std::move(memory), faults);
  const Names names{NamespaceOptions{}};
  // Past the faults, so that only those who wait are counted.
  std::unique_ptr<KeyValue> claims = open_leader(*inner, names).value();
  std::unique_ptr<KeyValue> records = open_schedules(*inner, names).value();
  EventLog events{*inner, names, no_log()};
  Schedules schedules{*broker};
};

TEST_F(SchedulesTest, WhoRemovesOrPausesOneWaitsForTheTickThatIsBeingMade) {
  for (const Act act : {&Schedules::remove, &Schedules::pause}) {
    const std::uint64_t before = jobs_made();
    schedules.put({.name = "s", .every = 10s}, job()).value();
    const auto ticker = make_ticker();
    clock.advance(10s);
    auto ticked = begin_tick(*ticker);
    auto acted = begin(act);
    EXPECT_TRUE(waits(acted));
    EXPECT_EQ(jobs_made(), before);
    faults.release();
    EXPECT_TRUE(ticked.get());
    EXPECT_TRUE(acted.get());
    EXPECT_EQ(jobs_made(), before + 1);
    clock.advance(1min);
    EXPECT_EQ(tick(*ticker), before + 1);
  }
  EXPECT_EQ(schedules.get("s")->runs, 1U);
}

TEST_F(SchedulesTest, WhoRemovesOrPausesOneWaitsUntilADeadLeaderIsFollowed) {
  for (const Act act : {&Schedules::remove, &Schedules::pause}) {
    schedules.put({.name = "s", .every = 10s}, job()).value();
    clock.advance(10s);
    die_in_a_tick();
    auto acted = begin(act);
    EXPECT_TRUE(waits(acted));
    const auto next = make_ticker();
    EXPECT_TRUE(acted.get());
    clock.advance(1min);
    EXPECT_EQ(tick(*next), 0U);
  }
}

// The append of a leader that stood still comes when another one leads: one job more, and none after it.
TEST_F(SchedulesTest, AnAppendThatComesLateIsTheLastOne) {
  for (const Act act : {&Schedules::remove, &Schedules::pause}) {
    const std::uint64_t before = jobs_made();
    schedules.put({.name = "s", .every = 10s}, job()).value();
    const auto first = make_ticker();
    clock.advance(10s);
    auto ticked = begin_tick(*first);
    auto acted = begin(act);
    EXPECT_TRUE(waits(acted));
    const auto next = make_ticker();
    EXPECT_TRUE(acted.get());
    EXPECT_EQ(jobs_made(), before);
    faults.release();
    EXPECT_EQ(ticked.get().error().code(), ErrorCode::kLeaseLost);
    EXPECT_EQ(jobs_made(), before + 1);
    clock.advance(1min);
    EXPECT_EQ(tick(*next), before + 1);
  }
}

TEST_F(SchedulesTest, WhoRemovesOrPausesOneIsToldWhenNobodyFollowsTheDeadLeader) {
  for (const Act act : {&Schedules::pause, &Schedules::remove}) {
    schedules.put({.name = "s", .every = 10s}, job()).value();
    if (act == &Schedules::remove) schedules.resume("s").value();
    clock.advance(10s);
    die_in_a_tick();
    for (int again = 0; again < 2; ++again) {
      auto acted = begin(act);
      EXPECT_TRUE(waits(acted));
      clock.advance(12s);
      const auto told = acted.get();
      ASSERT_FALSE(told);
      EXPECT_EQ(told.error().code(), ErrorCode::kUnavailable);
      EXPECT_NE(told.error().message().find("one more job may still come"), std::string::npos);
    }
    make_ticker();
    const auto over = (schedules.*act)("s");
    if (act == &Schedules::pause) {
      EXPECT_TRUE(over);
      EXPECT_TRUE(schedules.get("s")->paused);
    } else {
      EXPECT_EQ(over.error().code(), ErrorCode::kNotFound);
    }
  }
}

TEST_F(SchedulesTest, NewTimesCountFromTheirChangeOn) {
  schedules.put({.name = "s", .cron = "0 6 * * *"}, job()).value();
  const auto ticker = make_ticker();
  clock.advance(6h);
  EXPECT_EQ(tick(*ticker), 1U);
  clock.advance(8h);
  EXPECT_EQ(schedules.put({.name = "s", .cron = "0 9 * * *"}, job()).value(), ScheduleChange::kChanged);
  EXPECT_EQ(schedules.get("s")->next, begin_of_day + 33h);
  EXPECT_EQ(tick(*ticker), 1U) << "9:00 has been";
  clock.advance(19h);
  EXPECT_EQ(tick(*ticker), 2U);
  EXPECT_EQ(schedules.get("s")->runs, 2U);
}

TEST_F(SchedulesTest, OneThatWasFinishedGoesOnFromNow) {
  Schedule counted{.name = "counted", .every = 1h, .repeat = 1, .missed = Missed::kAll, .missed_window = 24h * 365};
  Schedule ended{
      .name = "ended", .every = 1h, .end = begin_of_day + 1h, .missed = Missed::kAll, .missed_window = 24h * 365};
  schedules.put(counted, job()).value();
  schedules.put(ended, job()).value();
  const auto ticker = make_ticker();
  clock.advance(1h);
  EXPECT_EQ(tick(*ticker), 2U);
  clock.advance(24h * 60);
  counted.repeat = 10;
  ended.end.reset();
  schedules.put(counted, job()).value();
  schedules.put(ended, job()).value();
  EXPECT_EQ(tick(*ticker), 2U);
  clock.advance(1h);
  EXPECT_EQ(tick(*ticker), 4U);
}

TEST_F(SchedulesTest, AnotherJobAtTheSameTimesLosesNoMissedTick) {
  schedules.put({.name = "s", .cron = "0 6 * * *"}, job()).value();
  clock.advance(7h);
  EXPECT_EQ(schedules.put({.name = "s", .cron = "0 6 * * *"}, {"tick", "another", {}}).value(),
            ScheduleChange::kChanged);
  EXPECT_EQ(tick(*make_ticker()), 1U);
  EXPECT_EQ(schedules.get("s")->last, begin_of_day + 6h);
}

TEST_F(SchedulesTest, ATickThatIsBeingMadeWhileTheTimesChangeIsCounted) {
  schedules.put({.name = "s", .every = 10s, .repeat = 2}, job()).value();
  const auto ticker = make_ticker();
  clock.advance(10s);
  auto ticked = begin_tick(*ticker);
  clock.advance(5s);
  EXPECT_TRUE(schedules.put({.name = "s", .every = 20s, .repeat = 2}, job()));
  faults.release();
  EXPECT_TRUE(ticked.get());
  EXPECT_EQ(schedules.get("s")->runs, 1U);
  EXPECT_EQ(schedules.get("s")->last, begin_of_day + 10s);
  EXPECT_EQ(schedules.get("s")->next, begin_of_day + 20s);
  clock.advance(1min);
  EXPECT_EQ(tick(*ticker), 2U);
  EXPECT_TRUE(schedules.get("s")->finished);
}

// A leader appends a tick's job and is killed; the next one finds that tick due, and later ones.
TEST_F(SchedulesTest, ATickIsLeftOutBesideAJobThatADeadLeaderHasMade) {
  for (const Missed missed : {Missed::kSkip, Missed::kOnce, Missed::kAll}) {
    for (const Duration later : std::initializer_list<Duration>{10s, 50s, 1h}) {
      SCOPED_TRACE(std::string(to_string(missed)) + " " + std::to_string(later / 1s) + " s later");
      const std::uint64_t before = jobs_made();
      schedules.put({.name = "s", .every = 10s, .overlap = Schedule::Overlap::kSkip, .missed = missed}, job()).value();
      const auto first = make_ticker();
      clock.advance(10s);
      const SystemTime at = clock.now();
      faults.next(Operation::kAppend, Fault::lose_answer());
      EXPECT_FALSE(first->tick());
      EXPECT_EQ(jobs_made(), before + 1);
      clock.advance(later);
      const auto next = make_ticker();
      EXPECT_EQ(tick(*next), before + 1);
      EXPECT_EQ(schedules.get("s")->runs, 1U);
      EXPECT_EQ(schedules.get("s")->last, at);
      EXPECT_EQ(inner->admin().purge("leat_medium", ">").value(), 1U);  // as if it were done
      clock.advance(10s);
      EXPECT_EQ(tick(*next), before + 2);
      EXPECT_EQ(schedules.get("s")->last, clock.now());
      inner->admin().purge("leat_medium", ">").value();
      schedules.remove("s").value();
    }
  }
}

TEST_F(SchedulesTest, AsLongAsADurationCanBe) {
  const auto put = [&](Schedule schedule) {
    schedule.name = "s";
    schedule.start = SystemTime::min();
    schedule.end = SystemTime::max();
    schedule.missed = Missed::kAll;
    schedule.missed_window = Duration::max();
    return schedules.put(schedule, job()).value();
  };
  EXPECT_EQ(put({.every = 1h}), ScheduleChange::kCreated);
  EXPECT_EQ(put({.every = 1h}), ScheduleChange::kUnchanged);
  EXPECT_GT(schedules.get("s")->schedule.missed_window, 24h * 365 * 290);
  clock.advance(3h);
  const auto ticker = make_ticker();
  EXPECT_EQ(tick(*ticker), 3U);
  EXPECT_EQ(put({.cron = "@hourly"}), ScheduleChange::kChanged);
  EXPECT_EQ(put({.cron = "@hourly"}), ScheduleChange::kUnchanged);
  clock.advance(3h);
  EXPECT_EQ(tick(*ticker), 6U);
}

TEST_F(SchedulesTest, ARecordWhoseTimesNoClockCanShowIsRefused) {
  schedules.put({.name = "s", .every = 1h, .start = begin_of_day}, job()).value();
  const auto good = nlohmann::json::parse(records->get("s").value()->value);
  const auto read = [](const nlohmann::json& record) { return ScheduleRecord::from_json(record.dump()); };
  ASSERT_TRUE(read(good));
  for (const char* name : {"every", "start", "end", "jitter", "missed_window"}) {
    for (const auto& value : std::initializer_list<nlohmann::json>{INT64_MAX, INT64_MIN, UINT64_MAX, 1e300}) {
      auto bad = good;
      bad["asked_for"][name] = value;
      const auto refused = read(bad);
      ASSERT_FALSE(refused) << bad;
      EXPECT_EQ(refused.error().code(), ErrorCode::kCorrupt);
      EXPECT_NE(refused.error().message().find(name), std::string::npos) << refused.error().message();
    }
  }
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"jitter", 1000 * 60 * 60 * 25}, {"jitter", -1}, {"missed_window", -1}, {"every", -1}}) {
    auto bad = good;
    bad["asked_for"][name] = value;
    EXPECT_FALSE(read(bad)) << bad;
  }
  for (const char* name : {"since", "last"}) {
    auto bad = good;
    bad[name] = INT64_MIN;
    EXPECT_FALSE(read(bad)) << bad;
  }
}

TEST_F(SchedulesTest, OneThatEndedLongAgoIsMadeUpForAtOnce) {
  schedules.put({.name = "s", .cron = "* * * * * *", .end = begin_of_day + 24h * 3500}, job()).value();
  clock.advance(24h * 3650);
  const SteadyTime began = real_clock().steady();
  EXPECT_EQ(tick(*make_ticker()), 1U);
  EXPECT_LT(real_clock().steady() - began, 30s) << "it walks over ten years of seconds";
  EXPECT_EQ(schedules.get("s")->last, begin_of_day + 24h * 3500);
  EXPECT_TRUE(schedules.get("s")->finished);
}

TEST_F(SchedulesTest, OneAppendTakesNoMoreThanSoManyBytes) {
  constexpr std::size_t kSize = 1000;
  constexpr std::size_t kBytes = 10 * kSize;
  for (int i = 0; i < 40; ++i) {
    schedules
        .put({.name = "s" + std::to_string(i), .every = 10s, .missed = Missed::kAll},
             {"tick", std::string(kSize, 'x'), {}})
        .value();
  }
  clock.advance(10s * 10);
  std::atomic<std::size_t> most{0};
  faults.before(Operation::kAppend, [&](const Call& call) {
    most = std::max(most.load(), call.items);
    return Fault::none();
  });
  Ticker ticker({*broker, names, *claims, *records, events, no_log(), [] { return true; }, kBytes});
  ticker.release_old_claim().value();
  EXPECT_EQ(tick(ticker), 40U * 10U);
  EXPECT_GT(most, 10U);
  EXPECT_LE(most * kSize, 2 * kBytes) << "one of each schedule, and as much again";
  for (const ScheduleInfo& info : schedules.list().value()) EXPECT_EQ(info.runs, 10U);
}

}  // namespace
}  // namespace leat
