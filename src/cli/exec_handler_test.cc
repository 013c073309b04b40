#include "cli/exec_handler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <thread>

#include "core/thread.h"
#include "tests/support/loose_job.h"

namespace leat::cli {
namespace {

using namespace std::chrono_literals;
using test::LooseJob;

Outcome run(const std::string& command, LooseJob& job, ShellLimits limits = {}) {
  return make_exec_handler(command, limits)(job);
}

Outcome run(const std::string& command) {
  LooseJob job;
  return run(command, job);
}

TEST(ExecHandlerTest, PayloadGoesInAndOutputIsTheResult) {
  LooseJob job;
  job.set_payload("one\ntwo");
  const Outcome outcome = run("tr a-z A-Z", job);
  EXPECT_EQ(outcome.kind(), Outcome::Kind::kDone);
  EXPECT_EQ(outcome.text(), "ONE\nTWO");
}

TEST(ExecHandlerTest, TheExitCodeIsTheVerdict) {
  EXPECT_EQ(run("true").kind(), Outcome::Kind::kDone);
  const Outcome dead = run("echo no such image >&2; exit 65");
  EXPECT_EQ(dead.kind(), Outcome::Kind::kDead);
  EXPECT_EQ(dead.text(), "exit code 65: no such image");
  const Outcome retry = run("exit 1");
  EXPECT_EQ(retry.kind(), Outcome::Kind::kRetry);
  EXPECT_EQ(retry.text(), "exit code 1");
  EXPECT_EQ(run("kill -9 $$").text(), "killed by signal 9 (Killed)");
  EXPECT_EQ(run("/no/such/program 2>/dev/null").text(), "exit code 127");
}

TEST(ExecHandlerTest, TheJobIsInTheEnvironment) {
  setenv("LEAT_HEADER_LEFT", "from outside", 1);
  const Outcome outcome =
      run("echo $LEAT_JOB_ID $LEAT_KIND $LEAT_QUEUE $LEAT_PRIORITY $LEAT_ATTEMPT $LEAT_MAX_ATTEMPTS $LEAT_ENQUEUED_AT "
          "\"$LEAT_HEADER_X_TRACE_ID\" [$LEAT_HEADER_LEAT_KIND$LEAT_HEADER_LEFT] ${PATH:+path}");
  unsetenv("LEAT_HEADER_LEFT");
  EXPECT_EQ(outcome.text(), "high.images.01ABC resize images high 2 7 1970-01-01T00:00:01.000Z a b [] path\n");
}

TEST(ExecHandlerTest, ACommandThatWritesMuchAndReadsNothingDoesNotBlock) {
  LooseJob job;
  job.set_payload(std::string(1'000'000, 'x'));
  const Outcome outcome = run("yes o | head -c 2000000; yes e | head -c 1000000 >&2; cat | wc -c >&2; exit 3", job);
  EXPECT_EQ(outcome.kind(), Outcome::Kind::kRetry);
  EXPECT_TRUE(outcome.text().starts_with("exit code 3: e\ne\n")) << outcome.text().substr(0, 40);
  EXPECT_TRUE(outcome.text().ends_with("\n1000000"));
  EXPECT_LE(outcome.text().size(), ShellLimits{}.max_error + 13);
}

TEST(ExecHandlerTest, ACommandNeedNotReadItsInput) {
  LooseJob job;
  job.set_payload(std::string(1'000'000, 'x'));
  EXPECT_EQ(run("exit 0", job).kind(), Outcome::Kind::kDone);
  EXPECT_EQ(run("exec <&-; echo closed", job).text(), "closed\n");
}

TEST(ExecHandlerTest, OutputIsCutAt64KiB) {
  EXPECT_EQ(run("yes | head -c 1000000").text().size(), 64U * 1024);
}

TEST(ExecHandlerTest, WhatRunsInTheBackgroundIsNotWaitedFor) {
  const SteadyTime begin = real_clock().steady();
  EXPECT_EQ(run("sleep 60 & echo $!; echo begun").kind(), Outcome::Kind::kDone);
  EXPECT_LT(real_clock().steady() - begin, 30s);
}

TEST(ExecHandlerTest, StopEndsTheWholeProcessGroup) {
  LooseJob job;
  job.stop();
  const SteadyTime begin = real_clock().steady();
  const Outcome outcome = run("sleep 60 | sleep 60; echo not reached", job);
  EXPECT_EQ(outcome.kind(), Outcome::Kind::kRetry);
  EXPECT_EQ(outcome.text(), "killed by signal 15 (Terminated)");
  EXPECT_LT(real_clock().steady() - begin, 30s);
}

TEST(ExecHandlerTest, StopComesWhileTheCommandRuns) {
  LooseJob job;
  char path[] = "/tmp/leat-exec-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const std::string sign = std::string(path) + "/running";
  const Thread stopper = start_thread("stopper", [&](const std::stop_token&) {
    while (!std::filesystem::exists(sign)) std::this_thread::yield();
    job.stop();
  });
  // It does not obey SIGTERM, so SIGKILL comes after the grace.
  const Outcome outcome = run("trap '' TERM; touch " + sign + "; sleep 60; sleep 60", job, {.term_grace = 200ms});
  EXPECT_EQ(outcome.text(), "killed by signal 9 (Killed)");
  std::filesystem::remove_all(path);
}

TEST(ExecHandlerTest, NoDescriptorOfOursReachesTheCommand) {
  const int leaked = dup(STDERR_FILENO);  // not close-on-exec
  ASSERT_GT(leaked, 2);
  EXPECT_EQ(run("for fd in /proc/self/fd/*; do n=${fd##*/}; [ -e /proc/$$/fd/$n ] && [ $n -gt 2 ] && [ $n -lt 10 ] && "
                "echo $n; done; true")
                .text(),
            "");
  close(leaked);
}

TEST(ExecHandlerTest, ManyThreadsRunCommandsAtOnce) {
  std::array<std::string, 8> outputs;
  {
    ThreadPool pool("exec", outputs.size(), [&](std::size_t number, const std::stop_token&) {
      LooseJob job;
      job.set_payload(std::to_string(number));
      for (int i = 0; i < 10; ++i) outputs[number] += run("cat", job).text();
    });
    pool.stop();
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(outputs[i], std::string(10, static_cast<char>('0' + i)));
}

}  // namespace
}  // namespace leat::cli
