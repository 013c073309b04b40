// What others see of workers and queues.
#include "core/mutex.h"
#include "jobs/job_streams.h"
#include "leat/memory_broker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/dead_letter_lines.h"

namespace leat::test {
namespace {

class Inspecting : public JobsSuite {
 protected:
  // The only worker, when there is one.
  std::optional<WorkerInfo> worker_seen() {
    const auto workers = Inspector(broker()).workers();
    EXPECT_TRUE(workers) << workers.error().message();
    if (!workers || workers->size() != 1) return std::nullopt;
    return workers->front();
  }
  QueueCounts counts(Priority priority) {
    const auto rows = Inspector(broker()).queues().value();
    for (const QueueCounts& row : rows) {
      if (row.queue == "default" && row.priority == priority) return row;
    }
    return {};
  }
};

// Lets handlers go on.
class Gate {
 public:
  void open() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return open_; });
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ LEAT_GUARDED_BY(mutex_) = false;
};

TEST_P(Inspecting, AWorkerIsSeenWithWhatItRuns) {
  const JobId id = push_numbers(1).front();
  Gate gate;
  Worker worker(broker(), {.concurrency = 3, .name = "one"});
  worker.handle("number", [&](JobContext& job) {
    job.progress(0.1, "first page");
    job.progress(0.4, "second page");
    gate.wait();
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(worker_seen());
  ASSERT_TRUE(eventually([&] {
    const auto seen = worker_seen();
    return seen && seen->jobs.size() == 1 && seen->jobs.front().progress > 0.3;
  }));
  const WorkerInfo seen = *worker_seen();
  EXPECT_EQ(seen.name, "one");
  EXPECT_EQ(seen.pid, getpid());
  EXPECT_NE(seen.host, "");
  EXPECT_EQ(seen.concurrency, 3U);
  EXPECT_EQ(seen.queues, std::vector<std::string>{"default"});
  EXPECT_EQ(seen.state, WorkerInfo::State::kBusy);
  EXPECT_EQ(seen.running, 1U);
  EXPECT_EQ(seen.jobs.front().id, id);
  EXPECT_EQ(seen.jobs.front().kind, "number");
  EXPECT_EQ(seen.jobs.front().attempt, 1U);
  EXPECT_EQ(seen.jobs.front().progress, 0.4);
  EXPECT_EQ(seen.jobs.front().note, "second page");
  const JobStatus status = Inspector(broker()).job(id).value();
  EXPECT_EQ(status.state, JobStatus::State::kRunning);
  EXPECT_EQ(status.worker, "one");
  EXPECT_EQ(status.progress, 0.4);
  EXPECT_EQ(status.note, "second page");
  gate.open();
  ASSERT_TRUE(eventually([&] {
    const auto now = worker_seen();
    return now && now->state == WorkerInfo::State::kIdle && now->leads;
  }));
  EXPECT_EQ(worker_seen()->done, 1U);
  worker.stop();
  EXPECT_EQ(Inspector(broker()).workers().value().size(), 0U);
}

TEST_P(Inspecting, ABusyWorkerTellsOfTheHundredThatRunLongest) {
  constexpr int kJobs = 150;
  push_numbers(kJobs);
  Mutex mutex;
  std::vector<Completion> kept;
  const auto count = [&] {
    MutexLock lock(mutex);
    return kept.size();
  };
  Worker worker(broker(), {.concurrency = 1});
  worker.handle_async("number", [&](Completion completion) {
    completion.job().progress(2.0, std::string(500, 'x'));
    MutexLock lock(mutex);
    kept.push_back(std::move(completion));
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return count() == kJobs; }));
  ASSERT_TRUE(eventually([&] {
    const auto seen = worker_seen();
    return seen && seen->running == kJobs;
  }));
  const WorkerInfo seen = *worker_seen();
  ASSERT_EQ(seen.jobs.size(), 100U);
  EXPECT_EQ(seen.jobs.front().progress, 1.0);
  EXPECT_EQ(seen.jobs.front().note.size(), 200U);
  EXPECT_TRUE(std::is_sorted(seen.jobs.begin(), seen.jobs.end(),
                             [](const auto& a, const auto& b) { return a.since < b.since; }));
  EXPECT_EQ(counts(Priority::kMedium).running, static_cast<std::uint64_t>(kJobs));
  MutexLock lock(mutex);
  for (Completion& completion : kept) completion.finish(Outcome::done());
}

TEST_P(Inspecting, QueuesTellWhatRunsWaitsAndIsLate) {
  EXPECT_EQ(Inspector(broker()).streams().value().size(), 0U);
  push_numbers(1, {.priority = Priority::kHigh});
  const SystemTime after_first = broker().clock().now() + 1s;
  const JobId parent = push_numbers(1, {.track = true}).front();
  push_numbers(2, {.after = {parent}});
  EXPECT_EQ(counts(Priority::kHigh).pending, 1U);
  EXPECT_EQ(counts(Priority::kMedium).scheduled, 2U);
  ASSERT_TRUE(counts(Priority::kHigh).oldest);
  EXPECT_LT(*counts(Priority::kHigh).oldest, after_first);
  EXPECT_FALSE(counts(Priority::kLow).oldest);
  Gate gate;
  Worker worker(broker(), {.concurrency = 2, .retry = RetryPolicy::fixed(1h)});
  worker.handle("number", [&](JobContext& job) -> Outcome {
    if (job.id().priority() == Priority::kHigh) return Outcome::retry("later");
    gate.wait();
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return counts(Priority::kHigh).retrying() == 1; }));
  EXPECT_TRUE(eventually([&] { return counts(Priority::kMedium).running == 1; }));
  EXPECT_EQ(counts(Priority::kHigh).running, 0U);
  EXPECT_EQ(counts(Priority::kMedium).retrying(), 0U);
  gate.open();
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 3; }));
  EXPECT_TRUE(eventually([&] { return counts(Priority::kMedium).scheduled == 0; }));
  EXPECT_TRUE(eventually([&] { return !counts(Priority::kMedium).oldest; }));
  const auto streams = Inspector(broker()).streams().value();
  EXPECT_EQ(streams.size(), 6U);
  for (const StreamFacts& stream : streams) EXPECT_EQ(stream.replicas_current, stream.replicas) << stream.name;
}

TEST_P(Inspecting, DeadLettersAreCountedByPriority) {
  push_numbers(1);
  std::string lines;
  int number = 0;
  for (const char* priority : {"high", "high", "low"})
    lines += DeadLine{.number = ++number, .priority = priority}.str();
  lines += DeadLine{.number = ++number, .queue = "mail", .priority = "medium"}.str();
  ASSERT_EQ(import_text(broker(), lines).added, 4U);
  EXPECT_EQ(counts(Priority::kHigh).dead, 2U);
  EXPECT_EQ(counts(Priority::kMedium).dead, 0U);
  Worker worker(broker(), {});
  worker.handle("number", [](JobContext&) { return Outcome::dead("no"); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return counts(Priority::kMedium).dead == 1; }));
  EXPECT_EQ(counts(Priority::kLow).dead, 1U);
  EXPECT_EQ(Inspector(broker()).dead("default").value(), 4U);
}

LEAT_ON_EVERY_JOBS_BROKER(Inspecting);

TEST(InspectingTest, AWorkerThatSaysNothingIsGoneAfterAMinute) {
  ManualClock clock;
  const auto broker = open_memory_broker({.clock = &clock});
  auto records = open_workers(*broker, Names({.name = "leat"})).value();
  ASSERT_TRUE(records->put("01", R"({"version":1,"name":"old","state":"of later versions","jobs":[{"id":"bad"}]})"));
  ASSERT_TRUE(records->put("02", "no json"));
  const auto seen = Inspector(*broker).workers().value();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen.front().name, "old");
  clock.advance(59s);
  EXPECT_EQ(Inspector(*broker).workers().value().size(), 1U);
  clock.advance(2s);
  EXPECT_EQ(Inspector(*broker).workers().value().size(), 0U);
}

}  // namespace
}  // namespace leat::test
