// Schedulers that are killed, frozen and ended, and a server that goes and comes, at random: each tick of each schedule
// becomes one job.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>

#include "core/text.h"
#include "leat/schedules.h"
#include "tests/jobs/scheduler_processes.h"
#include "tests/jobs/tick_ledger.h"
#include "tests/support/soak.h"

namespace leat::test {
namespace {

constexpr int kSchedules = 200;
constexpr int kProcesses = 3;

// Of half of the schedules the jobs lie in their queue and show what is there at the end. Those of the others are done
// at once: of them no trace is left but the message id. The memory of these ids ends with the server, so it is only
// stopped when what is done has been written down (docs/guide/schedules.md).
class ScheduleChaos : public JobsSuite {
 protected:
  void SetUp() override {
    JobsSuite::SetUp();
    const char* seed = std::getenv("LEAT_SEED");
    seed_ = seed != nullptr ? static_cast<unsigned>(std::stoul(seed)) : std::random_device()();
    random_.seed(seed_);
    duration_ = is_soak() ? 60s : 12s;
    schedules_.emplace(broker());
    for (int i = 0; i < kSchedules; ++i) put_schedule(i);
    start_ = std::chrono::ceil<std::chrono::seconds>(broker().clock().now());
    processes_ = std::make_unique<SchedulerProcesses>(fixture().address(), broker());
    for (int i = 0; i < kProcesses; ++i) processes_->start();
    taker_ = std::make_unique<TickTaker>(broker(), "done");
    taker_->start();
  }

  void put_schedule(int number) {
    const bool done = number % 2 == 0;
    const std::string name = "s" + std::to_string(number);
    (done ? done_ : kept_).push_back(name);
    schedules_
        ->put({.name = name, .every = 1s, .missed = Schedule::Missed::kAll, .queue = done ? "done" : "kept"},
              EncodedJob{"tick", "{}", {}})
        .value();
  }

  // How far each schedule has been written down; empty when the broker does not answer.
  std::map<std::string, SystemTime> written_down() {
    std::map<std::string, SystemTime> last;
    if (const auto all = schedules_->list()) {
      for (const ScheduleInfo& info : *all) last[info.schedule.name] = info.last.value_or(SystemTime{});
    }
    return last;
  }
  bool all_written_down_up_to(SystemTime tick) {
    const auto last = written_down();
    return last.size() == kSchedules &&
           std::all_of(last.begin(), last.end(), [&](const auto& one) { return one.second >= tick; });
  }
  // For who reads a failure: how far behind which are.
  std::string who_is_behind(SystemTime tick) {
    const auto last = written_down();
    const auto leader = processes_->leader();
    std::string text =
        std::to_string(last.size()) + " schedules; leader: " + (leader ? std::to_string(*leader) : "none");
    std::size_t behind = 0;
    for (const auto& [name, at] : last) {
      if (at < tick && ++behind < 5) text += "; " + name + " is at " + to_rfc3339(at);
    }
    return text + "; behind " + to_rfc3339(tick) + ": " + std::to_string(behind);
  }
  bool all_done_are_written_down() {
    const auto last = written_down();
    const Ticks ticks = taker_->ticks();
    return last.size() == kSchedules && std::all_of(ticks.begin(), ticks.end(), [&](const auto& tick) {
             return last.at(tick.first.first) >= tick.first.second;
           });
  }

  enum class Trouble { kKillLeader, kKillAny, kFreezeLeader, kEndLeader, kRestartServer };
  // Each kind comes early, in another order each time.
  Trouble next_trouble() {
    if (deck_.empty()) {
      deck_ = {Trouble::kKillLeader,   Trouble::kKillLeader,   Trouble::kKillAny,
               Trouble::kFreezeLeader, Trouble::kFreezeLeader, Trouble::kEndLeader};
      if (fixture().has_server()) deck_.insert(deck_.end(), 2, Trouble::kRestartServer);
      std::shuffle(deck_.begin(), deck_.end(), random_);
    }
    const Trouble trouble = deck_.back();
    deck_.pop_back();
    return trouble;
  }

  std::size_t any() {
    const auto alive = processes_->alive();
    return alive.at(random_() % alive.size());
  }
  // Somebody, when nobody leads or the leader is dead already.
  std::size_t leader() {
    const auto found = processes_->leader();
    const auto alive = processes_->alive();
    return found && std::count(alive.begin(), alive.end(), *found) > 0 ? *found : any();
  }
  // Leaders tick when a second begins: that is when it hurts.
  std::size_t leader_at_work() {
    const std::size_t number = leader();
    const SystemTime now = real_clock().now();
    const auto hit = std::chrono::ceil<std::chrono::seconds>(now) + std::chrono::microseconds(random_() % 40'000);
    leat::sleep_for(real_clock(), hit - now, {});
    return number;
  }
  void end(std::size_t number, int signal) {
    const int status = processes_->end(number, signal);
    EXPECT_TRUE(signal == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
    processes_->start();
  }
  void make(Trouble trouble) {
    ++troubles_[trouble];
    switch (trouble) {
      case Trouble::kKillLeader: return end(leader_at_work(), SIGKILL);
      case Trouble::kKillAny: return end(any(), SIGKILL);
      case Trouble::kEndLeader: return end(leader(), SIGTERM);
      case Trouble::kRestartServer: return restart_server();
      case Trouble::kFreezeLeader: {
        const std::size_t number = leader_at_work();
        processes_->freeze(number);
        thaw_at_[number] = real_clock().steady() + std::chrono::milliseconds(100 + random_() % 8000);
        return;
      }
    }
  }
  void thaw_who_has_slept() {
    for (const std::size_t number : processes_->alive()) {
      if (processes_->is_frozen(number) && thaw_at_[number] <= real_clock().steady()) processes_->thaw(number);
    }
  }
  void restart_server() {
    taker_->stop();
    processes_->thaw_all();
    EXPECT_TRUE(eventually([&] { return all_done_are_written_down(); }));
    // Killed, a server before 2.10 may lose what it was told last.
    const bool kill = !GetParam().starts_with("jetstream_2_9") && random_() % 2 == 0;
    kills_of_server_ += kill ? 1 : 0;
    fixture().stop_server(kill ? BrokerFixture::Shutdown::kKill : BrokerFixture::Shutdown::kTerminate);
    fixture().start_server();
    taker_->start();
  }

  void expect_each_once(const std::string& queue, const Ticks& ticks, const std::vector<std::string>& names,
                        SystemTime last) {
    const TickFaults faults = check_each_once(ticks, names, start_, last);
    std::printf("  %s: %zu ticks, %zu missing, %zu doubled\n", queue.c_str(), faults.ticks, faults.missing,
                faults.doubled);
    EXPECT_EQ(faults.missing, 0U) << faults.examples;
    EXPECT_EQ(faults.doubled, 0U) << faults.examples;
  }

  unsigned seed_ = 0;
  std::minstd_rand random_;
  Duration duration_{};
  SystemTime start_{};  // the first tick of them all
  std::optional<Schedules> schedules_;
  std::vector<std::string> done_;
  std::vector<std::string> kept_;
  std::unique_ptr<SchedulerProcesses> processes_;
  std::unique_ptr<TickTaker> taker_;
  std::vector<Trouble> deck_;
  std::map<std::size_t, SteadyTime> thaw_at_;
  std::map<Trouble, int> troubles_;
  int kills_of_server_ = 0;
};

TEST_P(ScheduleChaos, EachTickBecomesOneJob) {
  const SteadyTime until = real_clock().steady() + duration_;
  while (real_clock().steady() < until) {
    make(next_trouble());
    leat::sleep_for(real_clock(), std::chrono::milliseconds(100 + random_() % 1200), {});
    thaw_who_has_slept();
  }
  processes_->thaw_all();
  const SystemTime last = std::chrono::floor<std::chrono::seconds>(broker().clock().now());
  ASSERT_TRUE(eventually([&] { return all_written_down_up_to(last); }))
      << "seed " << seed_ << ": " << who_is_behind(last);
  for (const std::size_t number : processes_->alive()) processes_->end(number, SIGTERM);
  const Ticks kept = ticks_in(broker(), "kept");
  ASSERT_TRUE(eventually([&] { return messages("leat_medium") <= kept.size(); }));
  taker_->stop();
  std::printf(
      "  seed %u: leaders killed %d, any killed %d, frozen %d, ended %d; server restarted %d times, %d killed\n", seed_,
      troubles_[Trouble::kKillLeader], troubles_[Trouble::kKillAny], troubles_[Trouble::kFreezeLeader],
      troubles_[Trouble::kEndLeader], troubles_[Trouble::kRestartServer], kills_of_server_);
  SCOPED_TRACE("seed " + std::to_string(seed_));
  expect_each_once("kept", kept, kept_, last);
  expect_each_once("done", taker_->ticks(), done_, last);
}

LEAT_ON_EVERY_SHARED_BROKER(ScheduleChaos);

}  // namespace
}  // namespace leat::test
