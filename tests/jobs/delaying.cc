// Jobs that wait for their time.
#include <algorithm>
#include <latch>
#include <random>
#include <set>

#include "core/mutex.h"
#include "core/thread.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/kept_lines.h"

namespace leat::test {
namespace {

using State = JobStatus::State;

class Delaying : public JobsSuite {
 protected:
  struct Run {
    JobId id;
    SystemTime at;
    std::optional<SystemTime> due;
  };

  JobId push(const PushOptions& options) {
    Result<JobId> pushed = Queue(broker()).push(EncodedJob{"timed", "x"}, options);
    EXPECT_TRUE(pushed) << pushed.error().message();
    return pushed.value_or(JobId{});
  }
  std::unique_ptr<Worker> start_worker(const std::string& name = "w", Log* log = nullptr) {
    auto worker = std::make_unique<Worker>(broker(), WorkerOptions{.concurrency = 1, .name = name, .log = log});
    worker->handle("timed", [this](JobContext& job) {
      MutexLock lock(mutex_);
      runs_.push_back({job.id(), broker().clock().now(), job.scheduled_at()});
      return Outcome::done();
    });
    EXPECT_TRUE(worker->start());
    return worker;
  }
  std::vector<Run> runs() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return runs_;
  }
  std::size_t count_runs() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return runs_.size();
  }
  JobStatus status(const JobId& id) { return Inspector(broker()).job(id).value(); }
  bool each_once() {
    std::map<std::string, int> times;
    for (const Run& run : runs()) ++times[run.id.str()];
    return std::all_of(times.begin(), times.end(), [](const auto& one) { return one.second == 1; });
  }

 private:
  Mutex mutex_;
  std::vector<Run> runs_ LEAT_GUARDED_BY(mutex_);
};

TEST_P(Delaying, AJobRunsAtItsTimeAndNotBefore) {
  const SystemTime now = broker().clock().now();
  const JobId at = push({.at = now + 700ms});
  push({.delay = 400ms});
  const JobId past = push({.at = now - 1h});
  const JobId at_once = push({.delay = 0ms});
  EXPECT_EQ(status(at).state, State::kScheduled);
  EXPECT_GE(*status(at).due, now + 700ms);
  EXPECT_LT(*status(at).due, now + 702ms);
  EXPECT_EQ(status(past).state, State::kPending);
  EXPECT_EQ(status(at_once).state, State::kPending);
  const auto worker = start_worker();
  ASSERT_TRUE(eventually([&] { return count_runs() == 4; })) << count_runs();
  for (const Run& run : runs()) {
    if (run.id == past || run.id == at_once) continue;
    ASSERT_TRUE(run.due);
    EXPECT_GE(run.at, *run.due);
    EXPECT_LT(run.at - *run.due, 10s);
  }
  EXPECT_TRUE(eventually([&] { return messages("leat_scheduled") == 0; }));
}

TEST_P(Delaying, ThousandsComeDueEachOnce) {
  constexpr int kJobs = 2000;
  std::minstd_rand random(7);
  Queue queue(broker());
  const SystemTime now = broker().clock().now();
  std::vector<std::future<Result<JobId>>> pushed;
  for (int i = 0; i < kJobs; ++i) {
    pushed.push_back(
        queue.push_async(EncodedJob{"timed", "x"}, {.at = now + std::chrono::milliseconds(random() % 2000)}));
  }
  for (auto& one : pushed) ASSERT_TRUE(one.get());
  auto first = start_worker("first");
  const auto second = start_worker("second");
  ASSERT_TRUE(eventually([&] { return count_runs() > kJobs / 4; }));
  first->stop();  // the leader, mostly
  ASSERT_TRUE(eventually([&] { return count_runs() >= kJobs; })) << count_runs();
  EXPECT_EQ(count_runs(), static_cast<std::size_t>(kJobs));
  EXPECT_TRUE(each_once());
  for (const Run& run : runs()) {
    ASSERT_GE(run.at, run.due.value_or(run.at));
  }
  EXPECT_TRUE(eventually([&] { return messages("leat_scheduled") == 0; }));
}

TEST_P(Delaying, IsGivenAnotherTimePromotedOrCancelled) {
  const JobId sooner = push({.delay = 1h});
  const JobId later = push({.delay = 300ms});
  const JobId promoted = push({.delay = 1h});
  const JobId cancelled = push({.track = true, .delay = 300ms});
  JobControl control(broker());
  const SystemTime now = broker().clock().now();
  EXPECT_TRUE(control.reschedule(sooner, now + 400ms).value());
  EXPECT_TRUE(control.reschedule(later, now + 2h).value());
  EXPECT_GE(*status(later).due, now + 2h);
  EXPECT_TRUE(control.promote(promoted).value());
  EXPECT_EQ(control.cancel(cancelled).value().was, CancelResult::Was::kScheduled);
  EXPECT_EQ(messages("leat_scheduled"), 3U);
  const auto worker = start_worker();
  ASSERT_TRUE(eventually([&] { return count_runs() == 2; }));
  EXPECT_EQ(runs()[0].id, promoted);
  EXPECT_EQ(runs()[1].id, sooner);
  EXPECT_EQ(status(later).state, State::kScheduled);
  EXPECT_EQ(status(cancelled).state, State::kCancelled);
  EXPECT_TRUE(control.promote(later).value());
  ASSERT_TRUE(eventually([&] { return count_runs() == 3; }));
  ASSERT_TRUE(eventually([&] { return messages("leat_scheduled") == 0; }));  // it goes after it has been moved
  EXPECT_FALSE(control.promote(later).value());
  EXPECT_FALSE(control.reschedule(sooner, now + 3h).value());
}

// Whoever says "it has another time" is right, and no job runs twice, however close to its time it is moved.
TEST_P(Delaying, NewTimesAtTheLastMomentDoubleNothing) {
  constexpr std::size_t kJobs = 60;
  std::vector<JobId> ids;
  for (std::size_t i = 0; i < kJobs; ++i) ids.push_back(push({.delay = std::chrono::milliseconds(300 + 5 * i)}));
  const auto worker = start_worker();
  JobControl control(broker());
  std::set<std::string> put_off;
  ASSERT_TRUE(eventually([&] {
    for (const JobId& id : ids) {
      if (put_off.contains(id.str())) continue;
      const auto due = status(id).due;
      if (!due || *due - broker().clock().now() > 10ms) continue;
      const auto moved = control.reschedule(id, broker().clock().now() + 1h);
      EXPECT_TRUE(moved) << moved.error().message();
      if (moved && *moved) put_off.insert(id.str());
    }
    return put_off.size() + count_runs() >= kJobs;
  })) << put_off.size()
      << " and " << count_runs();
  for (const Run& run : runs()) EXPECT_FALSE(put_off.contains(run.id.str())) << run.id.str();
  for (const std::string& id : put_off) EXPECT_TRUE(control.promote(JobId::parse(id).value()).value());
  ASSERT_TRUE(eventually([&] { return count_runs() >= kJobs; }));
  EXPECT_EQ(count_runs(), kJobs);
  EXPECT_TRUE(each_once());
}

// Whoever says "it is cancelled, it had not begun" is right, however close to its time it is.
TEST_P(Delaying, WhatIsCancelledAtTheLastMomentDoesNotRun) {
  constexpr std::size_t kJobs = 150;
  std::vector<JobId> ids;
  const SystemTime first = broker().clock().now() + 300ms;
  for (std::size_t i = 0; i < kJobs; ++i) ids.push_back(push({.at = first + std::chrono::milliseconds(2 * i)}));
  const auto worker = start_worker();
  std::atomic<std::size_t> next{0};
  Mutex mutex;
  std::map<std::string, CancelResult::Was> cancelled;
  const auto cancel_at_their_time = [&](const std::stop_token&) {
    for (std::size_t i = next++; i < kJobs; i = next++) {
      EXPECT_TRUE(eventually([&] { return broker().clock().now() >= first + std::chrono::milliseconds(2 * i); }));
      const auto was = JobControl(broker()).cancel(ids[i]);
      EXPECT_TRUE(was) << was.error().message();
      MutexLock lock(mutex);
      if (was) cancelled[ids[i].str()] = was->was;
    }
  };
  std::vector<Thread> cancellers;
  for (int i = 0; i < 3; ++i) cancellers.push_back(start_thread("canceller", cancel_at_their_time));
  EXPECT_TRUE(eventually([&] {
    MutexLock lock(mutex);
    return cancelled.size() == kJobs;
  }));
  cancellers.clear();
  EXPECT_TRUE(eventually([&] { return messages("leat_scheduled") + messages("leat_medium") == 0; }));
  using Was = CancelResult::Was;
  std::size_t waited = 0;
  for (const auto& [id, was] : cancelled) waited += was == Was::kScheduled ? 1 : 0;
  for (const Run& run : runs()) {
    const Was was = cancelled.at(run.id.str());
    EXPECT_TRUE(was == Was::kUnknown || was == Was::kRunning) << run.id.str() << ": " << static_cast<int>(was);
  }
  RecordProperty("cancelled_before_their_time", std::to_string(waited));
}

// Two give a job another time and one cancels it, all at once: at the time when it is due, or far from it. Whoever says
// "cancelled" or "put off" is right, and so is who finds nothing to cancel.
TEST_P(Delaying, CancelsAndNewTimesAtOnceAgreeWithWhatHappens) {
  using Was = CancelResult::Was;
  constexpr std::size_t kJobs = 120;
  constexpr std::size_t kThreads = 3;
  const auto is_due_then = [](std::size_t i) { return i % 2 == 0; };
  const SystemTime first = broker().clock().now() + 300ms;
  const auto time_of = [&](std::size_t i) { return first + std::chrono::milliseconds(4 * i); };
  std::vector<JobId> ids;
  for (std::size_t i = 0; i < kJobs; ++i) ids.push_back(push({.at = is_due_then(i) ? time_of(i) : first + 1h}));
  const auto worker = start_worker();
  std::vector<Was> cancelled(kJobs, Was::kUnknown);
  std::vector<std::atomic<int>> put_off(kJobs);
  std::vector<std::unique_ptr<std::latch>> starts;
  for (std::size_t i = 0; i < kJobs; ++i) starts.push_back(std::make_unique<std::latch>(kThreads));
  std::atomic<std::size_t> through{0};
  ThreadPool pool("racer", kThreads, [&](std::size_t number, const std::stop_token&) {
    JobControl control(broker());
    for (std::size_t i = 0; i < kJobs; ++i) {
      while (broker().clock().now() < time_of(i)) leat::sleep_for(real_clock(), 1ms, {});
      starts[i]->arrive_and_wait();
      if (number == 0) {
        const auto was = control.cancel(ids[i]);
        EXPECT_TRUE(was) << was.error().message();
        if (was) cancelled[i] = was->was;
      } else {
        const auto moved = control.reschedule(ids[i], first + 2h);
        EXPECT_TRUE(moved) << moved.error().message();
        if (moved && *moved) ++put_off[i];
      }
    }
    ++through;
  });
  ASSERT_TRUE(eventually([&] { return through == kThreads; })) << through;
  pool.stop();
  EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
  EXPECT_TRUE(eventually([&] { return messages("leat_scheduled") == 0; })) << "a job waits although it was cancelled";
  std::map<std::string, int> times;
  for (const Run& run : runs()) ++times[run.id.str()];
  RecordProperty("ran", std::to_string(times.size()));
  for (std::size_t i = 0; i < kJobs; ++i) {
    const Was was = cancelled[i];
    const int ran = times[ids[i].str()];
    const std::string what = "job " + std::to_string(i) + ", was " + std::to_string(static_cast<int>(was));
    const bool waited = was == Was::kScheduled || was == Was::kPending || was == Was::kHeld;
    EXPECT_TRUE(was != Was::kUnknown || ran == 1) << what;
    EXPECT_TRUE(!waited || ran == 0) << what;
    EXPECT_TRUE(ran == 0 || put_off[i] == 0) << what;
    EXPECT_TRUE(is_due_then(i) || was == Was::kScheduled) << what;
  }
}

// All due at one moment, so moved together: those that are cancelled or put off while they are, too.
TEST_P(Delaying, CancelsAndNewTimesInARowThatComesDueAgreeWithWhatHappens) {
  using Was = CancelResult::Was;
  constexpr std::size_t kJobs = 3000;
  const SystemTime due = broker().clock().now() + 3s;
  std::vector<Result<EncodedJob>> jobs(kJobs, EncodedJob{"timed", "x"});
  std::vector<JobId> ids;
  for (auto& pushed : Queue(broker()).push_many(std::move(jobs), {.at = due})) ids.push_back(pushed.value());
  const auto worker = start_worker();
  std::vector<Was> cancelled(kJobs, Was::kUnknown);
  std::vector<bool> put_off(kJobs);
  const auto none_waits = [this] { return messages("leat_scheduled") == 0; };
  std::atomic<int> through{0};
  const auto race = [&](std::size_t first, auto act) {
    return start_thread("racer", [&, first, act](const std::stop_token&) {
      JobControl control(broker());
      EXPECT_TRUE(eventually([&] { return broker().clock().now() >= due; }));
      for (std::size_t i = first; i < kJobs && !none_waits(); i += 20) act(control, i);
      ++through;
    });
  };
  const Thread canceller =
      race(7, [&](JobControl& control, std::size_t i) { cancelled[i] = control.cancel(ids[i])->was; });
  const Thread putter_off =
      race(11, [&](JobControl& control, std::size_t i) { put_off[i] = control.reschedule(ids[i], due + 1h).value(); });
  ASSERT_TRUE(eventually([&] { return through == 2; }));
  std::map<std::string, int> times;
  const auto is_due = [&](std::size_t i) { return cancelled[i] == Was::kUnknown && !put_off[i]; };
  EXPECT_TRUE(eventually([&] {
    times.clear();
    for (const Run& run : runs()) ++times[run.id.str()];
    for (std::size_t i = 0; i < kJobs; ++i) {
      if (is_due(i) && times[ids[i].str()] == 0) return false;
    }
    return true;
  }));
  for (std::size_t i = 0; i < kJobs; ++i) {
    const Was was = cancelled[i];
    const int ran = times[ids[i].str()];
    EXPECT_TRUE(ran == (is_due(i) ? 1 : 0) || was == Was::kRunning || was == Was::kNoAnswer)
        << i << " ran " << ran << " times, was " << static_cast<int>(was) << (put_off[i] ? ", is put off" : "");
  }
  const auto waiting = static_cast<std::size_t>(std::count(put_off.begin(), put_off.end(), true));
  EXPECT_TRUE(eventually([&] { return messages("leat_scheduled") == waiting; }));
}

// A scheduler had it under its first time when it got another one, and has moved it.
TEST_P(Delaying, WhatWasTakenUnderAnEarlierTimeIsNotSaidToHaveWaited) {
  const JobId id = push({.delay = 1h});
  const std::uint64_t first = broker().admin().stream("leat_scheduled").value().last_sequence;
  JobControl control(broker());
  for (const auto later : {2h, 3h}) EXPECT_TRUE(control.reschedule(id, broker().clock().now() + later).value());
  const std::string moved = R"({"version":1,"claimed":[],"moved":[)" + std::to_string(first) + "]}";
  ASSERT_TRUE(broker().open_bucket({.name = "leat_leader"}).value()->put("claims", moved));
  EXPECT_EQ(control.cancel(id).value().was, CancelResult::Was::kUnknown);
  EXPECT_EQ(messages("leat_scheduled"), 0U);
}

TEST_P(Delaying, AUniqueJobWhoseKeyIsTakenWhenItIsDueIsDroppedOrWaits) {
  Queue queue(broker());
  const auto options = [](const std::string& key, Unique::WhenDue when_due, std::optional<Duration> delay) {
    return PushOptions{.result = KeepResult::kYes, .unique = Unique{.key = key, .when_due = when_due}, .delay = delay};
  };
  ASSERT_TRUE(queue.push(EncodedJob{"held", ""}, options("drop", Unique::WhenDue::kDrop, std::nullopt)));
  ASSERT_TRUE(queue.push(EncodedJob{"held", ""}, options("wait", Unique::WhenDue::kWait, std::nullopt)));
  EXPECT_EQ(queue.push(EncodedJob{"timed", ""}, options("drop", Unique::WhenDue::kDrop, 1ms)).error().code(),
            ErrorCode::kConflict)
      << "the key is taken already when it is pushed";
  Mutex mutex;
  std::vector<Completion> held;
  Worker holder(broker(), {.concurrency = 1});
  holder.handle_async("held", [&](Completion completion) {
    MutexLock lock(mutex);
    held.push_back(std::move(completion));
  });
  std::atomic<int> timed{0};
  holder.handle("timed", [&](JobContext&) {
    ++timed;
    return Outcome::done();
  });
  QueueControl control(broker());
  ASSERT_TRUE(holder.start());
  const auto both_held = [&] {
    MutexLock lock(mutex);
    return held.size() == 2;
  };
  ASSERT_TRUE(eventually(both_held));
  {
    MutexLock lock(mutex);
    held.clear();  // dropped: both fail, and their keys stay taken while they wait
  }
  // Pushed while the keys are free, due when they are taken again.
  ASSERT_TRUE(control.purge("default"));
  const JobId dropped = queue.push(EncodedJob{"timed", ""}, options("drop", Unique::WhenDue::kDrop, 1h)).value();
  const JobId waits = queue.push(EncodedJob{"timed", ""}, options("wait", Unique::WhenDue::kWait, 1h)).value();
  ASSERT_TRUE(queue.push(EncodedJob{"held", ""}, options("drop", Unique::WhenDue::kDrop, std::nullopt)));
  ASSERT_TRUE(queue.push(EncodedJob{"held", ""}, options("wait", Unique::WhenDue::kDrop, std::nullopt)));
  ASSERT_TRUE(eventually(both_held));
  for (const JobId& id : {dropped, waits}) EXPECT_TRUE(JobControl(broker()).promote(id).value());
  ASSERT_TRUE(eventually([&] { return messages("leat_scheduled") == 1; }));
  EXPECT_EQ(timed, 0);
  {
    MutexLock lock(mutex);
    for (Completion& completion : held) completion.finish(Outcome::done());
    held.clear();
  }
  ASSERT_TRUE(eventually([&] { return timed == 1; }));
  EXPECT_TRUE(eventually([&] { return messages("leat_scheduled") == 0; }));
  EXPECT_EQ(dropped.key(), "u-drop");
  EXPECT_EQ(waits.key(), "u-wait");
}

TEST_P(Delaying, WhatIsDroppedSaysNothingOfTheJobThatHasItsKey) {
  PushOptions options{.result = KeepResult::kYes, .unique = Unique{"k"}, .track = true};
  const JobId id = push(options);
  ASSERT_EQ(JobControl(broker()).cancel(id).value().was, CancelResult::Was::kPending);
  options.delay = 300ms;
  ASSERT_EQ(push(options), id);
  options.delay.reset();
  ASSERT_EQ(push(options), id) << "one that waits for its time refuses none that does not";
  const JobId child = push({.track = true, .after = {id}});
  std::atomic<int> begun{0};
  std::atomic<int> may_end{0};
  Worker worker(broker(), {.concurrency = 1, .grace = 0ms});
  worker.handle("timed", [&](JobContext& job) {
    const int number = ++begun;
    while (may_end < number && !job.stop_token().stop_requested()) leat::sleep_for(real_clock(), 1ms, {});
    return Outcome::done("live");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return begun == 1; }));
  ASSERT_TRUE(eventually([&] { return messages("leat_scheduled") == 1; }));
  EXPECT_FALSE(Results(broker()).get(id).value());
  EXPECT_EQ(status(id).state, State::kRunning);
  EXPECT_EQ(status(child).state, State::kWaiting);
  may_end = 1;
  ASSERT_TRUE(eventually([&] { return begun == 2; }));
  EXPECT_TRUE(eventually([&] { return status(child).state == State::kRunning; }));
  may_end = 2;
  EXPECT_EQ(Results(broker()).get(id).value()->value, "live");
  EXPECT_TRUE(eventually([&] { return status(id).state == State::kDone; }));
}

TEST_P(Delaying, ACancelOfADelayedJobLeavesTheOneThatHasItsKey) {
  PushOptions options{.result = KeepResult::kYes, .unique = Unique{"k"}, .track = true, .delay = 1h};
  const JobId id = push(options);
  options.delay.reset();
  ASSERT_EQ(push(options), id);
  JobControl control(broker());
  EXPECT_EQ(control.cancel(id).value().was, CancelResult::Was::kScheduled);
  EXPECT_EQ(messages("leat_scheduled"), 0U);
  EXPECT_EQ(messages("leat_done"), 0U);
  EXPECT_EQ(status(id).state, State::kPending);
  EXPECT_FALSE(Results(broker()).get(id).value());
  EXPECT_EQ(control.cancel(id).value().was, CancelResult::Was::kPending);
  EXPECT_EQ(status(id).state, State::kCancelled);
}

// Each can be stored where it waits, and cannot be in its queue: others come in spite of it, and nobody tries it again.
TEST_P(Delaying, WhatItsQueueRefusesKeepsNoOtherBack) {
  const JobId parent = push({.track = true});
  push({.delay = 1ms});
  const std::string large_value(63'950, 'x');
  std::vector<AppendRequest> bad(4);
  const auto set = [&](std::size_t i, const std::string& subject, std::string_view header, const std::string& value) {
    bad[i].message.subject = "leat.scheduled." + subject;
    bad[i].message.headers.set("Leat-Kind", "timed");
    bad[i].message.headers.set(header, value);
    if (i < 3) bad[i].message.headers.set("Leat-Due", "1");
  };
  set(0, "none", "X-Small", "x");
  set(1, "medium.default.large", "X-Large", large_value);
  set(2, "medium.default.torn", "Leat-After", "99");
  set(3, "medium.default.child", "X-Large", large_value);
  bad[3].message.payload = parent.str() + "\n";
  bad[3].message.headers.set("Leat-After", std::to_string(bad[3].message.payload.size()));
  for (const auto& stored : broker().append("leat_scheduled", bad)) ASSERT_TRUE(stored) << stored.error().message();
  push({.delay = 1ms});
  KeptLines log;
  auto worker = start_worker("first", &log);
  EXPECT_TRUE(eventually([&] { return count_runs() == 3; })) << count_runs();
  EXPECT_TRUE(eventually([&] { return log.with("cannot be put into its queue") == bad.size(); }));
  push({.delay = 300ms});
  EXPECT_TRUE(eventually([&] { return count_runs() == 4; }));
  EXPECT_EQ(log.with("cannot be put into its queue"), bad.size());
  EXPECT_EQ(log.with("starts anew"), 0U);
  worker->stop();
  worker = start_worker("second");
  push({.delay = 1ms});
  EXPECT_TRUE(eventually([&] { return count_runs() == 5 && messages("leat_scheduled") == bad.size(); }));
  const JobId large(Priority::kMedium, "default", "large");
  EXPECT_EQ(JobControl(broker()).cancel(large).value().was, CancelResult::Was::kScheduled);
  EXPECT_TRUE(each_once());
}

TEST_P(Delaying, WhatCannotBeIsRefused) {
  Queue queue(broker());
  const JobId other = push({.track = true});
  const SystemTime now = broker().clock().now();
  const std::pair<PushOptions, std::string_view> cases[] = {
      {{.at = now + 1h, .delay = 1h}, "exclude each other"},
      {{.delay = -1s}, "delay is negative"},
      {{.at = SystemTime{}}, "before 1970"},
      {{.lane = Lane::kBulk, .delay = 1h}, "bulk lane"},
      {{.after = {other}, .delay = 1h}, "not for both"},
  };
  for (const auto& [options, text] : cases) {
    const auto refused = queue.push(EncodedJob{"timed", ""}, options);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(refused.error().message().find(text), std::string::npos) << refused.error().message();
  }
  const auto nobody = queue.push(EncodedJob{"timed", ""}, {.after = {other, JobId{}}});
  EXPECT_EQ(nobody.error().message(), "after holds an empty JobId: wait for ids that a push returned");
  const JobId waiting = queue.push(EncodedJob{"timed", ""}, {.after = {other}}).value();
  EXPECT_EQ(JobControl(broker()).reschedule(waiting, now).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(JobControl(broker()).promote(other).value());
  EXPECT_TRUE(queue.push(EncodedJob{"timed", ""}, {.delay = Duration::max()}));
}

TEST_P(Delaying, TheFirstAndTheLastTimeThatThereIsAreTimes) {
  const SystemTime last{std::chrono::floor<std::chrono::milliseconds>(SystemTime::max().time_since_epoch())};
  JobControl control(broker());
  const JobId never = push({.delay = Duration::max()});
  const JobId put_off = push({.delay = 1h});
  const JobId now = push({.delay = 1h});
  EXPECT_TRUE(control.reschedule(put_off, SystemTime::max()).value());
  for (const JobId& id : {never, put_off}) EXPECT_EQ(status(id).due, last);
  EXPECT_TRUE(control.reschedule(now, SystemTime::min()).value());
  EXPECT_EQ(status(now).due, SystemTime{});
  const auto worker = start_worker();
  ASSERT_TRUE(eventually([&] { return count_runs() == 1; }));
  ASSERT_TRUE(eventually([&] { return messages("leat_scheduled") == 2; }));
  EXPECT_EQ(runs()[0].id, now);
  EXPECT_TRUE(control.promote(never).value());
  EXPECT_TRUE(eventually([&] { return count_runs() == 2; }));
}

LEAT_ON_EVERY_JOBS_BROKER(Delaying);

}  // namespace
}  // namespace leat::test
