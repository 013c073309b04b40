// How long nobody schedules when the leader is gone, and what one does that wakes when another leads.
#include <sys/wait.h>

#include <csignal>

#include "core/thread.h"
#include "jobs/job_streams.h"
#include "jobs/scheduler.h"
#include "leat/schedules.h"
#include "tests/jobs/scheduler_processes.h"
#include "tests/jobs/tick_ledger.h"

namespace leat::test {
namespace {

// Follows the leader's record. start() and stop() from one thread.
class LeaderWatch {
 public:
  explicit LeaderWatch(Broker& broker) : records_(open_leader(broker, Names({.name = "leat"})).value()) {}
  ~LeaderWatch() { stop(); }
  LeaderWatch(const LeaderWatch&) = delete;
  LeaderWatch& operator=(const LeaderWatch&) = delete;

  void start() {
    auto watch = records_->watch("scheduler").value();
    thread_ =
        start_thread("leader-watch", [this, shared = std::shared_ptr(std::move(watch))](const std::stop_token& stop) {
          while (!stop.stop_requested()) note(shared->next(100ms, stop).value());
        });
  }
  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t writes_seen() const {
    MutexLock lock(mutex_);
    return writes_;
  }
  // The shortest time that a record which its holder did not give up had been left alone when another one took it.
  std::optional<Duration> shortest_patience() const {
    MutexLock lock(mutex_);
    return shortest_;
  }

 private:
  void note(const std::vector<KeyEntry>& entries) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (const KeyEntry& entry : entries) {
      ++writes_;
      if (!last_.erased && !entry.erased && !last_.value.empty() && last_.value != entry.value) {
        const Duration patience = entry.time - last_.time;
        shortest_ = std::min(shortest_.value_or(patience), patience);
      }
      last_ = entry;
    }
  }

  std::unique_ptr<KeyValue> records_;
  mutable Mutex mutex_;
  KeyEntry last_ LEAT_GUARDED_BY(mutex_);
  std::uint64_t writes_ LEAT_GUARDED_BY(mutex_) = 0;
  std::optional<Duration> shortest_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

class Takeover : public JobsSuite {
 protected:
  static constexpr int kSchedules = 20;

  void SetUp() override {
    JobsSuite::SetUp();
    Schedules schedules(broker());
    for (int i = 0; i < kSchedules; ++i) {
      names_.push_back("s" + std::to_string(i));
      schedules
          .put({.name = names_.back(), .every = 1s, .missed = Schedule::Missed::kAll}, EncodedJob{"tick", "{}", {}})
          .value();
    }
    start_ = std::chrono::ceil<std::chrono::seconds>(broker().clock().now());
    taker_ = std::make_unique<TickTaker>(broker(), "default");
    taker_->start();
    processes_ = std::make_unique<SchedulerProcesses>(fixture().address(), broker());
    for (int i = 0; i < 3; ++i) processes_->start();
  }

  // A tick whose time has come since has become a job, and with it all that were missed.
  bool wait_for_tick_after(SystemTime time) {
    return eventually([&] {
      const Ticks ticks = taker_->ticks();
      return std::any_of(ticks.begin(), ticks.end(), [&](const auto& tick) { return tick.first.second > time; });
    });
  }
  // From the end of the leader until ticks become jobs again.
  Duration end_leader(int signal) {
    const auto leader = processes_->wait_for_leader({}, 20s);
    EXPECT_TRUE(leader);
    EXPECT_TRUE(wait_for_tick_after(broker().clock().now()));
    const SystemTime at = broker().clock().now();
    const SteadyTime began = real_clock().steady();
    const int status = processes_->end(leader.value(), signal);
    EXPECT_TRUE(signal == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
    EXPECT_TRUE(processes_->wait_for_leader(leader, 30s));
    const Duration led = real_clock().steady() - began;
    EXPECT_TRUE(wait_for_tick_after(at));
    const Duration ticked = real_clock().steady() - began;
    std::printf("  signal %d: another leads after %.2f s, ticks become jobs after %.2f s\n", signal,
                std::chrono::duration<double>(led).count(), std::chrono::duration<double>(ticked).count());
    processes_->start();
    return ticked;
  }
  void expect_each_once() {
    const SystemTime last = std::chrono::floor<std::chrono::seconds>(broker().clock().now());
    EXPECT_TRUE(eventually([&] { return check_each_once(taker_->ticks(), names_, start_, last).missing == 0; }));
    const TickFaults faults = check_each_once(taker_->ticks(), names_, start_, last);
    EXPECT_EQ(faults.missing, 0U) << faults.examples;
    EXPECT_EQ(faults.doubled, 0U) << faults.examples;
  }
  // Until another one leads. One that stands still in the middle of a write keeps an SQLite file locked, so that nobody
  // can take over: it is woken, and stopped again.
  std::optional<std::size_t> freeze_until_another_leads(std::size_t leader) {
    constexpr int kTries = 5;
    for (int i = 0; i < kTries; ++i) {
      processes_->freeze(leader);
      if (const auto next = processes_->wait_for_leader(leader, 15s)) return next;
      processes_->thaw(leader);
      leat::sleep_for(real_clock(), 150ms, {});
    }
    return std::nullopt;
  }

  SystemTime start_{};  // the first tick of them all
  std::vector<std::string> names_;
  std::unique_ptr<TickTaker> taker_;
  std::unique_ptr<SchedulerProcesses> processes_;
};

TEST_P(Takeover, WithinTenSecondsWhenTheLeaderIsKilled) {
  for (int i = 0; i < 2; ++i) EXPECT_LT(end_leader(SIGKILL), 10s);
  expect_each_once();
}

// Sooner than its record could have run out, which takes four seconds at the least. A tick comes each second.
TEST_P(Takeover, AtOnceWhenTheLeaderStops) {
  for (int i = 0; i < 3; ++i) EXPECT_LT(end_leader(SIGTERM), 4s);
  expect_each_once();
}

// On a machine that lets the second one starve, another one may lead in its turn; but nobody, and so not the one that
// woke, before the record has been left alone for its time.
TEST_P(Takeover, AFrozenLeaderThatWakesDoesNoHarm) {
  const auto first = processes_->wait_for_leader({}, 20s);
  ASSERT_TRUE(first);
  ASSERT_TRUE(wait_for_tick_after(broker().clock().now()));
  LeaderWatch watch(broker());
  watch.start();
  ASSERT_TRUE(freeze_until_another_leads(*first));
  ASSERT_TRUE(wait_for_tick_after(broker().clock().now() + 500ms));
  processes_->thaw(*first);
  ASSERT_TRUE(wait_for_tick_after(broker().clock().now() + 2s));
  const std::uint64_t seen = watch.writes_seen();
  ASSERT_TRUE(eventually([&] { return watch.writes_seen() >= seen + 2; }));
  watch.stop();
  ASSERT_TRUE(watch.shortest_patience()) << "nobody took over";
  EXPECT_GT(*watch.shortest_patience(), kLeaderTtl - 100ms) << "the one that woke has taken it back";
  expect_each_once();
  for (const std::size_t number : processes_->alive()) {
    const int status = processes_->end(number, SIGTERM);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
}

LEAT_ON_EVERY_SHARED_BROKER(Takeover);

}  // namespace
}  // namespace leat::test
