#include "leat/runner.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>

#include "broker/fault_broker.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "http/http_client.h"
#include "leat/memory_broker.h"
#include "leat/testing.h"
#include "leat/worker.h"

namespace leat {
namespace {

using namespace std::chrono_literals;
using Ended = Result<void>;

const Error kBroken(ErrorCode::kUnavailable, "broken");

// What happened, in order; waited for by name.
class Story {
 public:
  void add(const std::string& event) {
    MutexLock lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }
  std::vector<std::string> all() const {
    MutexLock lock(mutex_);
    return events_;
  }
  bool has(const std::string& event) {
    MutexLock lock(mutex_);
    return wait_until(real_clock(), changed_, mutex_, real_clock().steady() + 20s, {}, [&]() LEAT_REQUIRES(mutex_) {
      return std::find(events_.begin(), events_.end(), event) != events_.end();
    });
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> events_ LEAT_GUARDED_BY(mutex_);
};

struct RunnerTest : ::testing::Test {
  Story story;
  std::stop_source stop;

  Runner::Process until_stopped(const std::string& name) {
    return [this, name](const std::stop_token& token) {
      story.add(name + " begins");
      sleep_for(real_clock(), 60s, token);
      story.add(name + (token.stop_requested() ? " stopped" : " forgotten"));
      return Ended();
    };
  }
  Runner::Closer closing(const std::string& name) {
    return [this, name](const std::stop_token&) {
      story.add(name);
      return Ended();
    };
  }
};

using Events = std::vector<std::string>;

TEST_F(RunnerTest, ProcessesRunSideBySideAndStopOnRequest) {
  Runner runner;
  runner.process("one", until_stopped("one")).process("two", until_stopped("two")).closer("closer", closing("closed"));
  int code = -1;
  {
    const Thread running = start_thread("runner", [&](const std::stop_token&) { code = runner.run(stop.get_token()); });
    ASSERT_TRUE(story.has("one begins"));
    ASSERT_TRUE(story.has("two begins"));
    stop.request_stop();
  }
  EXPECT_EQ(code, 0);
  EXPECT_FALSE(runner.failure());
  EXPECT_TRUE(story.has("one stopped"));
  EXPECT_TRUE(story.has("two stopped"));
  EXPECT_EQ(story.all().back(), "closed");
}

TEST_F(RunnerTest, AProcessStartsWhenTheOneBeforeSaysThatItIsReady) {
  Runner runner;
  runner.process("first", [&](const Runner::Ready& ready, const std::stop_token& token) {
    Thread later = start_thread("later", [&](const std::stop_token&) {
      story.add("first ready");
      ready();
    });
    sleep_for(real_clock(), 60s, token);
    return Ended();
  });
  runner.process("second", [&](const std::stop_token&) {
    story.add("second begins");
    stop.request_stop();
    return Ended();
  });
  EXPECT_EQ(runner.run(stop.get_token()), 0);
  EXPECT_EQ(story.all(), (Events{"first ready", "second begins"}));
}

TEST_F(RunnerTest, TheFirstFailureStopsAllAndIsTheOneThatIsTold) {
  Runner runner;
  runner.closer("closer", closing("closed"));
  runner.process("steady", [&](const std::stop_token& token) -> Ended {
    sleep_for(real_clock(), 60s, token);
    return Error(ErrorCode::kInternal, "late");
  });
  runner.process("weak", [](const std::stop_token&) -> Ended { return kBroken; });
  EXPECT_EQ(runner.run(), 1);
  EXPECT_EQ(runner.failure()->message(), "weak: broken");
  EXPECT_EQ(runner.failure()->code(), ErrorCode::kUnavailable);
  EXPECT_EQ(story.all(), Events{"closed"});
}

TEST_F(RunnerTest, AnExceptionIsAFailure) {
  for (const bool standard : {true, false}) {
    Runner runner;
    runner.process("other", until_stopped("other"));
    runner.process("thrower", [standard](const std::stop_token&) -> Ended {
      if (standard) throw std::runtime_error("thrown");
      throw 7;
    });
    EXPECT_EQ(runner.run(), 1);
    EXPECT_EQ(runner.failure()->message(),
              standard ? "thrower: thrown" : "thrower: an exception that is no std::exception");
  }
  Runner runner;
  runner.process("thrower", [](const std::stop_token&) -> Ended { throw Error(ErrorCode::kDenied, "no"); });
  EXPECT_EQ(runner.run(), 1);
  EXPECT_EQ(runner.failure()->code(), ErrorCode::kDenied);
}

TEST_F(RunnerTest, AFailureDuringStartKeepsLaterOnesFromStarting) {
  Runner runner;
  runner.closer("closer", closing("closed"));
  runner.process("first", until_stopped("first"));
  runner.process("second", [](const Runner::Ready&, const std::stop_token&) -> Ended { return kBroken; });
  runner.process("third", until_stopped("third"));
  EXPECT_EQ(runner.run(), 1);
  EXPECT_EQ(story.all(), (Events{"first begins", "first stopped", "closed"}));
}

TEST_F(RunnerTest, OneThatReturnsEarlyLeavesTheOthersAlone) {
  Runner runner;
  runner.process("short", [&](const std::stop_token&) {
    story.add("short done");
    return Ended();
  });
  runner.process("long", [&](const std::stop_token& token) {
    EXPECT_TRUE(story.has("short done"));
    EXPECT_TRUE(sleep_for(real_clock(), 20ms, token));
    story.add("long done");
    return Ended();
  });
  EXPECT_EQ(runner.run(), 0);  // ends by itself when all have returned
  EXPECT_EQ(story.all(), (Events{"short done", "long done"}));
}

TEST_F(RunnerTest, OneThatReturnsEarlyStopsTheOthersIfAskedTo) {
  Runner runner({.when_one_returns = RunnerOptions::WhenOneReturns::kAllStop});
  runner.process("long", until_stopped("long"));
  runner.process("short", [](const std::stop_token&) { return Ended(); });
  EXPECT_EQ(runner.run(), 0);
  EXPECT_EQ(story.all(), (Events{"long begins", "long stopped"}));
}

TEST_F(RunnerTest, StoppedBeforeItStartsItOnlyCloses) {
  stop.request_stop();
  Runner runner;
  runner.process("process", until_stopped("process")).closer("closer", closing("closed"));
  EXPECT_EQ(runner.run(stop.get_token()), 0);
  EXPECT_EQ(story.all(), Events{"closed"});
  EXPECT_EQ(runner.run(), 1);  // once
}

TEST_F(RunnerTest, StoppedWhileOneStartsItStartsNoMore) {
  Runner runner;
  runner.process("slow", [&](const Runner::Ready&, const std::stop_token& token) {
    stop.request_stop();
    sleep_for(real_clock(), 60s, token);
    return Ended();
  });
  runner.process("next", until_stopped("next"));
  EXPECT_EQ(runner.run(stop.get_token()), 0);
  EXPECT_EQ(story.all(), Events{});
}

TEST_F(RunnerTest, ClosersRunInReverseOrderWhateverTheyDo) {
  Runner runner;
  runner.closer("a", closing("a"));
  runner.closer("b", [&](const std::stop_token&) -> Ended {
    story.add("b");
    throw std::runtime_error("thrown");
  });
  runner.closer("c", [&](const std::stop_token&) -> Ended {
    story.add("c");
    return kBroken;
  });
  runner.closer("d", closing("d"));
  EXPECT_EQ(runner.run(), 1);
  EXPECT_EQ(story.all(), (Events{"d", "c", "b", "a"}));
  EXPECT_EQ(runner.failure()->message(), "c: broken");
}

TEST_F(RunnerTest, ACloserOutOfTimeGetsItsStopTokenAndTheNextOneRuns) {
  ManualClock clock;
  Runner runner({.close_timeout = 50ms, .clock = &clock});
  runner.closer("next", closing("next"));
  runner.closer("slow", [&](const std::stop_token& token) {
    story.add("slow");
    while (!token.stop_requested()) {
      clock.advance(10ms);
      std::this_thread::yield();
    }
    return Ended();
  });
  EXPECT_EQ(runner.run(), 1);
  EXPECT_EQ(runner.failure()->message(), "slow: did not end in time");
  EXPECT_EQ(story.all(), (Events{"slow", "next"}));
}

TEST_F(RunnerTest, BadOptionsAreRefusedByName) {
  for (const auto& [options, message] : {
           std::pair(RunnerOptions{.stop_timeout = 0s}, "stop_timeout is not more than 0"),
           std::pair(RunnerOptions{.close_timeout = -1s}, "close_timeout is not more than 0"),
           std::pair(RunnerOptions{.health = "nowhere"},
                     "health: \"nowhere\" is no address: write PORT, HOST:PORT or [ADDRESS]:PORT"),
       }) {
    Runner runner(options);
    runner.process("process", until_stopped("process")).closer("closer", closing(message));
    EXPECT_EQ(runner.run(), 1);
    EXPECT_EQ(runner.failure()->message(), message);
    EXPECT_EQ(story.all().back(), message);
  }
  EXPECT_EQ(story.all().size(), 3U);  // no process began
}

TEST_F(RunnerTest, AFailureWhileItStopsCounts) {
  Runner runner;
  runner.process("late", [&](const std::stop_token& token) -> Ended {
    stop.request_stop();
    sleep_for(real_clock(), 60s, token);
    return kBroken;
  });
  EXPECT_EQ(runner.run(stop.get_token()), 1);
  EXPECT_EQ(runner.failure()->message(), "late: broken");
}

TEST_F(RunnerTest, AWorkerIsAProcess) {
  const auto broker = open_memory_broker();
  Worker worker(*broker, {.concurrency = 1});
  Runner runner;
  runner.process("worker", worker);
  runner.process("end", [&](const std::stop_token&) {
    story.add("end");
    stop.request_stop();
    return Ended();
  });
  EXPECT_EQ(runner.run(stop.get_token()), 0);
  Worker refused(*broker, {.queues = {}, .scheduler = false});
  Runner failing;
  failing.process("worker", refused);
  EXPECT_EQ(failing.run(), 1);
  EXPECT_EQ(failing.failure()->message(), "worker: cannot start: a worker needs at least one queue, or to schedule");
}

// What a probe is told: the status, and the names of the checks that fail.
struct Probe {
  int status = 0;
  std::vector<std::string> failing{};
  bool operator==(const Probe&) const = default;
};

Probe probe(const Runner& runner, const std::string& path) {
  HttpClient client;
  const auto answer =
      client.send({.method = HttpRequest::Method::kGet, .url = "http://" + runner.health_address() + path}).value();
  Probe told{.status = answer->status};
  const auto body = nlohmann::json::parse(answer->body);
  EXPECT_EQ(body["ok"], told.status == 200);
  for (const auto& check : body["failing"]) told.failing.push_back(check["check"]);
  return told;
}

TEST_F(RunnerTest, ProbesTellHowFarItIs) {
  Runner runner({.health = "127.0.0.1:0"});
  EXPECT_EQ(runner.health_address(), "");
  std::atomic<bool> well{true};
  const auto check = [&well]() -> Ended { return well ? Ended() : Ended(kBroken); };
  runner.live_check("heart", check).ready_check("database", check);
  runner.ready_check("thrower", [&well]() -> Ended { return well ? Ended() : throw std::runtime_error("thrown"); });
  runner.process("slow", [&](const Runner::Ready& ready, const std::stop_token& token) {
    EXPECT_EQ(probe(runner, "/live"), (Probe{200}));
    EXPECT_EQ(probe(runner, "/ready"), (Probe{503, {"processes"}}));
    ready();
    sleep_for(real_clock(), 60s, token);
    EXPECT_EQ(probe(runner, "/live"), (Probe{200}));
    EXPECT_EQ(probe(runner, "/ready"), (Probe{503, {"processes"}}));
    return Ended();
  });
  runner.process("prober", [&](const std::stop_token&) {
    EXPECT_EQ(probe(runner, "/live"), (Probe{200}));
    while (probe(runner, "/ready").status != 200) std::this_thread::yield();
    well = false;
    EXPECT_EQ(probe(runner, "/live"), (Probe{503, {"heart"}}));
    EXPECT_EQ(probe(runner, "/ready"), (Probe{503, {"database", "thrower"}}));
    well = true;
    stop.request_stop();
    return Ended();
  });
  EXPECT_EQ(runner.run(stop.get_token()), 0);
}

TEST_F(RunnerTest, AFailedProcessIsNotLive) {
  Runner runner({.health = "0"});
  runner.process("survivor", [&](const std::stop_token& token) {
    sleep_for(real_clock(), 60s, token);
    EXPECT_EQ(probe(runner, "/live"), (Probe{503, {"processes"}}));
    return Ended();
  });
  runner.process("weak", [](const std::stop_token&) -> Ended { return kBroken; });
  EXPECT_EQ(runner.run(), 1);
}

TEST_F(RunnerTest, ATakenPortIsAFailure) {
  Runner runner({.health = "127.0.0.1:0"});
  runner.process("process", [&](const std::stop_token&) {
    Runner second({.signals = RunnerOptions::Signals::kLeave, .health = runner.health_address()});
    second.process("never", until_stopped("never"));
    EXPECT_EQ(second.run(), 1);
    EXPECT_EQ(second.failure()->code(), ErrorCode::kConflict);
    return Ended();
  });
  EXPECT_EQ(runner.run(), 0);
  EXPECT_EQ(story.all(), Events{});
}

TEST_F(RunnerTest, ABrokerAnswersOrNot) {
  Faults faults;
  const auto broker = make_fault_broker(open_memory_broker(), faults);
  const auto check = broker_answers(*broker);
  EXPECT_TRUE(check());
  const auto becomes = [&](const std::string& wanted) {  // an answer is fresh for a second
    const SteadyTime until = real_clock().steady() + 20s;
    std::string told;
    while (told != wanted && real_clock().steady() < until) {
      const auto answer = check();
      told = answer ? "well" : answer.error().message();
    }
    return told == wanted;
  };
  faults.before(Operation::kStreamFacts, [](const Call&) { return Fault::fail(ErrorCode::kDenied); });
  EXPECT_TRUE(becomes(Fault::fail().error.message()));
  faults.before(Operation::kStreamFacts, [](const Call&) { return Fault::freeze(); });
  EXPECT_TRUE(becomes("the broker does not answer"));
  faults.clear();
  faults.release();
  EXPECT_TRUE(becomes("well"));
}

// What ends a program at once is looked at in one of its own, by what it writes and its exit code.
struct RunnerDeathTest : RunnerTest {
  RunnerDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

void say(const char* text) {
  std::fputs(text, stderr);
}

Runner::Closer saying(const char* text) {
  return [text](const std::stop_token&) {
    say(text);
    return Ended();
  };
}

// Never returns.
Ended stay() {
  sleep_for(real_clock(), Duration::max(), {});
  return {};
}

int run_deaf_process() {
  std::stop_source stop;
  Runner runner({.stop_timeout = 20ms});
  runner.closer("closer", saying("closed"));
  runner.process("deaf", [&](const std::stop_token&) {
    stop.request_stop();
    return stay();
  });
  return runner.run(stop.get_token());
}

TEST_F(RunnerDeathTest, AProcessThatDoesNotStopIsLeftBehindAfterTheClosers) {
  EXPECT_EXIT(std::exit(run_deaf_process() + 100), ::testing::ExitedWithCode(1), "^closed$");
}

int run_deaf_closer() {
  Runner runner({.close_timeout = 500ms});
  runner.closer("first", saying("first"));
  runner.closer("deaf", [](const std::stop_token&) { return stay(); });
  runner.closer("last", saying("last "));
  return runner.run();
}

TEST_F(RunnerDeathTest, ACloserThatHangsIsLeftBehindAfterTheOthers) {
  EXPECT_EXIT(std::exit(run_deaf_closer() + 100), ::testing::ExitedWithCode(1), "^last first$");
}

int run_signalled(int number, int times) {
  Runner runner;
  runner.process("process", [&](const std::stop_token& stop) {
    for (int i = 0; i < times; ++i) raise(number);
    if (sleep_for(real_clock(), 60s, stop)) return Ended(kBroken);
    sleep_for(real_clock(), 50ms, {});  // a second signal would end the program
    return Ended();
  });
  return runner.run();
}

TEST_F(RunnerDeathTest, OneSignalIsGracefulAndItsEchoIsNoSecondOne) {
  for (const int number : {SIGINT, SIGTERM}) {
    for (const int times : {1, 2}) {
      EXPECT_EXIT(std::exit(run_signalled(number, times) + 100), ::testing::ExitedWithCode(100), "");
    }
  }
}

int run_twice_signalled() {
  Runner runner({.stop_timeout = Duration::max()});
  runner.closer("closer", saying("closed"));
  runner.when_forced("hook", [] { say("forced"); });
  runner.process("deaf", [](const std::stop_token& stop) {
    raise(SIGTERM);
    sleep_for(real_clock(), 60s, stop);
    raise(SIGINT);
    return stay();
  });
  return runner.run();
}

TEST_F(RunnerDeathTest, TheSecondSignalEndsTheProgramAtOnce) {
  EXPECT_EXIT(std::exit(run_twice_signalled() + 100), ::testing::ExitedWithCode(128 + SIGINT), "^forced$");
}

// Signalled twice, and at the way out it hangs; a third signal comes from there if there is one.
int run_hanging_hook(int third) {
  Runner runner({.stop_timeout = Duration::max()});
  runner.when_forced("hook", [third] {
    say("forced");
    if (third != 0) raise(third);
    stay().value();
  });
  runner.process("deaf", [](const std::stop_token& stop) {
    raise(SIGTERM);
    sleep_for(real_clock(), 60s, stop);
    sleep_for(real_clock(), 150ms, {});  // sooner the same signal would be the first one's echo
    raise(SIGTERM);
    return stay();
  });
  return runner.run();
}

TEST_F(RunnerDeathTest, WhatHangsOnTheWayOutIsLeftBehindAfterFiveSecondsOrAtTheThirdSignal) {
  const SteadyTime begin = real_clock().steady();
  EXPECT_EXIT(std::exit(run_hanging_hook(0) + 100), ::testing::ExitedWithCode(128 + SIGTERM), "^forced$");
  const SteadyTime third = real_clock().steady();
  EXPECT_GE(third - begin, 4s);
  EXPECT_EXIT(std::exit(run_hanging_hook(SIGINT) + 100), ::testing::ExitedWithCode(128 + SIGTERM), "^forced$");
  EXPECT_LT(real_clock().steady() - third, third - begin - 2s);
}

int run_signalled_while_closing() {
  Runner runner({.close_timeout = Duration::max()});
  runner.closer("deaf", [](const std::stop_token&) {
    raise(SIGINT);
    return stay();
  });
  runner.process("signalled", [](const std::stop_token& stop) {
    raise(SIGTERM);
    sleep_for(real_clock(), 60s, stop);
    return Ended();
  });
  return runner.run();
}

TEST_F(RunnerDeathTest, TheSecondSignalMayComeWhileItCloses) {
  EXPECT_EXIT(std::exit(run_signalled_while_closing() + 100), ::testing::ExitedWithCode(128 + SIGINT), "");
}

}  // namespace
}  // namespace leat
