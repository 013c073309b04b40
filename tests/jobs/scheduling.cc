// Recurring schedules on every broker.
#include <algorithm>
#include <map>

#include "core/mutex.h"
#include "leat/schedules.h"
#include "tests/jobs/jobs_suite.h"

namespace leat::test {
namespace {

class Scheduling : public JobsSuite {
 protected:
  static EncodedJob job() { return {"tick", "{}", {}}; }
  std::unique_ptr<Worker> start_worker(const std::string& name, std::vector<std::string> queues = {"default"}) {
    auto worker =
        std::make_unique<Worker>(broker(), WorkerOptions{.queues = std::move(queues), .concurrency = 2, .name = name});
    worker->handle("tick", [this](JobContext& context) {
      MutexLock lock(mutex_);
      ++ticks_[{std::string(context.schedule()), context.scheduled_at().value_or(SystemTime{})}];
      return Outcome::done();
    });
    EXPECT_TRUE(worker->start());
    return worker;
  }
  using Ticks = std::map<std::pair<std::string, SystemTime>, int>;
  Ticks ticks() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return ticks_;
  }
  std::size_t count(const std::string& schedule) {
    std::size_t sum = 0;
    for (const auto& [tick, times] : ticks()) sum += tick.first == schedule ? static_cast<std::size_t>(times) : 0;
    return sum;
  }

 private:
  Mutex mutex_;
  Ticks ticks_ LEAT_GUARDED_BY(mutex_);
};

TEST_P(Scheduling, ASchedulesLife) {
  Schedules schedules(broker());
  const Schedule wanted{.name = "second", .cron = "* * * * * *", .zone = "Europe/Berlin"};
  EXPECT_EQ(schedules.put(wanted, job(), {.priority = Priority::kHigh}).value(), ScheduleChange::kCreated);
  EXPECT_EQ(schedules.put(wanted, job(), {.priority = Priority::kHigh}).value(), ScheduleChange::kUnchanged);
  EXPECT_EQ(schedules.put(wanted, job()).value(), ScheduleChange::kChanged);
  const auto worker = start_worker("w");
  ASSERT_TRUE(eventually([&] { return count("second") >= 2; }));
  const ScheduleInfo info = schedules.get("second").value();
  EXPECT_EQ(info.schedule.cron, "* * * * * *");
  EXPECT_EQ(info.schedule.zone, "Europe/Berlin");
  EXPECT_EQ(info.job.kind, "tick");
  EXPECT_EQ(info.job.payload, "{}");
  EXPECT_EQ(info.priority, Priority::kMedium);
  EXPECT_TRUE(info.next);
  ASSERT_TRUE(eventually([&] { return schedules.get("second")->runs >= 2; }));
  EXPECT_TRUE(schedules.get("second")->last);
  EXPECT_EQ(schedules.list()->size(), 1U);

  ASSERT_TRUE(schedules.pause("second"));
  const JobId extra = schedules.run("second").value();
  EXPECT_EQ(extra.priority(), Priority::kMedium);
  ASSERT_TRUE(eventually([&] { return ticks().contains({"second", SystemTime{}}); }));
  ASSERT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
  const std::size_t by_then = count("second");
  const SystemTime then = broker().clock().now();
  ASSERT_TRUE(eventually([&] { return broker().clock().now() - then > 2500ms; }));
  EXPECT_EQ(count("second"), by_then);
  ASSERT_TRUE(schedules.resume("second"));
  ASSERT_TRUE(eventually([&] { return count("second") > by_then; }));
  ASSERT_TRUE(schedules.remove("second"));
  EXPECT_EQ(schedules.list()->size(), 0U);
  EXPECT_EQ(schedules.remove("second").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(schedules.get("second").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(schedules.pause("no such").error().code(), ErrorCode::kNotFound);
}

// The leader changes all the while: no tick is lost, none is doubled.
TEST_P(Scheduling, EveryTickOnceThoughTheLeaderChanges) {
  constexpr int kSchedules = 30;
  Schedules schedules(broker());
  const SystemTime start = std::chrono::ceil<std::chrono::seconds>(broker().clock().now());
  for (int i = 0; i < kSchedules; ++i) {
    ASSERT_TRUE(schedules.put({.name = "s" + std::to_string(i), .every = 1s, .start = start}, job()));
  }
  std::vector<std::unique_ptr<Worker>> workers;
  workers.push_back(start_worker("first"));
  workers.push_back(start_worker("only schedules", {}));
  workers.push_back(start_worker("third"));
  for (int change = 0; change < 2; ++change) {
    const std::size_t before = count("s0");
    ASSERT_TRUE(eventually([&] { return count("s0") >= before + 2; }));
    // The leader stops; the others go on.
    const auto seen = Inspector(broker()).workers().value();
    for (auto& worker : workers) {
      if (worker == nullptr) continue;
      const bool leads = std::any_of(seen.begin(), seen.end(),
                                     [&](const WorkerInfo& info) { return info.name == worker->name() && info.leads; });
      if (!leads || workers.size() < 2) continue;
      worker.reset();
      worker = start_worker("again " + std::to_string(change));
      break;
    }
  }
  const std::size_t enough = count("s0") + 2;
  ASSERT_TRUE(eventually([&] {
    for (int i = 0; i < kSchedules; ++i) {
      if (count("s" + std::to_string(i)) < enough) return false;
    }
    return true;
  }));
  for (const ScheduleInfo& info : schedules.list().value()) ASSERT_TRUE(schedules.pause(info.schedule.name));
  ASSERT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
  const auto seen = ticks();
  for (int i = 0; i < kSchedules; ++i) {
    const std::string name = "s" + std::to_string(i);
    std::optional<SystemTime> last;
    for (const auto& [tick, times] : seen) {
      if (tick.first != name) continue;
      EXPECT_EQ(times, 1) << name;
      EXPECT_EQ(tick.second - last.value_or(tick.second - 1s), 1s) << name << " lost a tick";
      last = tick.second;
    }
  }
}

// A program may put its schedules each time it starts, also when one of them is over.
TEST_P(Scheduling, OneThatIsOverIsLeftAsItIsAndNotChanged) {
  Schedules schedules(broker());
  Schedule brief{.name = "brief", .every = 1s, .end = broker().clock().now() + 2500ms};
  EXPECT_EQ(schedules.put(brief, job()).value(), ScheduleChange::kCreated);
  ASSERT_TRUE(eventually([&] { return broker().clock().now() > *brief.end; }));
  EXPECT_EQ(schedules.put(brief, job()).value(), ScheduleChange::kUnchanged);
  brief.every = 2s;
  EXPECT_EQ(schedules.put(brief, job()).error().code(), ErrorCode::kInvalidArgument);
  brief.end.reset();
  EXPECT_EQ(schedules.put(brief, job()).value(), ScheduleChange::kChanged);
}

TEST_P(Scheduling, WhatCannotBeIsRefusedWithItsPlace) {
  Schedules schedules(broker());
  const SystemTime now = broker().clock().now();
  const std::pair<Schedule, std::string_view> cases[] = {
      {{.name = "a b", .every = 1s}, "1 to 64 letters"},
      {{.name = "a"}, "either a cron expression or an interval"},
      {{.name = "a", .cron = "* * * * *", .every = 1s}, "either a cron expression or an interval"},
      {{.name = "a", .cron = "61 * * * *"}, "61"},
      {{.name = "a", .cron = "0 0 30 2 *"}, "never"},
      {{.name = "a", .cron = "* * * * *", .zone = "Europe/Berlni"}, "Europe/Berlin"},
      {{.name = "a", .every = 1s, .zone = "Europe/Berlin"}, "no time zone"},
      {{.name = "a", .every = 10ms}, "interval"},
      {{.name = "a", .every = -1s}, "interval"},
      {{.name = "a", .every = 1s, .start = now + 2h, .end = now + 1h}, "before its start"},
      {{.name = "a", .every = 1s, .end = now - 1h}, "has passed"},
      {{.name = "a", .every = 1h, .start = now - 30min, .end = now + 10min}, "not due once before its end"},
      {{.name = "a", .every = 1s, .repeat = 0}, "repeat is 0"},
      {{.name = "a", .every = 1s, .jitter = 48h}, "jitter"},
      {{.name = "a", .every = 1s, .queue = "no queue"}, "queue"},
  };
  for (const auto& [schedule, text] : cases) {
    const auto refused = schedules.put(schedule, job());
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << refused.error().message();
    EXPECT_NE(refused.error().message().find(text), std::string::npos) << refused.error().message();
  }
  const Schedule good{.name = "a", .every = 1h};
  const std::pair<PushOptions, std::string_view> options[] = {
      {{.delay = 1s}, "says itself when"},
      {{.unique = Unique{"k"}}, "overlap"},
      {{.lane = Lane::kBulk}, "bulk lane"},
      {{.max_attempts = 0}, "max_attempts"},
  };
  for (const auto& [push, text] : options) {
    const auto refused = schedules.put(good, job(), push);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().message().find(text), std::string::npos) << refused.error().message();
  }
  EXPECT_FALSE(schedules.put(good, EncodedJob{"bad kind", "", {}}));
  EXPECT_EQ(schedules.list()->size(), 0U);
}

LEAT_ON_EVERY_JOBS_BROKER(Scheduling);

}  // namespace
}  // namespace leat::test
