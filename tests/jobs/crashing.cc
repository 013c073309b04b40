// Workers and servers that are killed: no job is lost.
#include <sys/wait.h>

#include <csignal>

#include "tests/jobs/jobs_suite.h"
#include "tests/support/child_process.h"

namespace leat::test {
namespace {

constexpr int kInHand = 4;

class Crashing : public JobsSuite {
 protected:
  // A worker process with kInHand jobs that it has begun and will not finish.
  std::unique_ptr<ChildProcess> start_blocked_worker() {
    auto child = std::make_unique<ChildProcess>(
        std::vector<std::string>{own_program(), "worker", fixture().address(), std::to_string(kInHand)});
    if (child->read_line(20s) != "ready") throw std::runtime_error("the worker process did not start");
    for (int i = 0; i < kInHand; ++i) {
      if (!child->read_line(20s)) throw std::runtime_error("the worker process got no jobs");
    }
    return child;
  }
};

TEST_P(Crashing, AKilledWorkersJobsRunElsewhereWithinAckWait) {
  constexpr int kJobs = 50;
  push_numbers(kJobs);
  const auto child = start_blocked_worker();
  Worker worker(broker(), {.concurrency = 2, .ack_wait = 1s});
  Tally tally(kJobs);
  worker.handle("number", [&](JobContext& job) {
    tally.mark(job.payload());
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  // All but what the other process has in hand: begun, or waiting for one of its threads.
  ASSERT_TRUE(eventually([&] { return worker.counts().done >= kJobs - 2 * kInHand; }));
  child->send_signal(SIGKILL);
  child->wait();
  const SteadyTime killed = real_clock().steady();
  EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs; })) << worker.counts().done;
  EXPECT_LT(real_clock().steady() - killed, 10s);  // ack_wait is 1 s; the rest is the machine's
  worker.stop();
  EXPECT_TRUE(tally.all_between(1, 1));
}

TEST_P(Crashing, ATerminatedWorkerGivesItsJobsBackAtOnce) {
  push_numbers(20);
  const auto child = start_blocked_worker();
  child->send_signal(SIGTERM);
  child->send_signal(SIGINT);                   // the second signal: do not wait for handlers
  const int code = WEXITSTATUS(child->wait());  // the kernel may deliver the two in either order
  EXPECT_TRUE(code == 128 + SIGINT || code == 128 + SIGTERM) << code;
  Worker worker(broker(), {.concurrency = 2, .ack_wait = 1s});
  Tally tally(20);
  std::atomic<bool> attempts_right{true};
  worker.handle("number", [&](JobContext& job) {
    tally.mark(job.payload());
    attempts_right = attempts_right && job.attempt() == 1;
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 20; })) << worker.counts().done;
  EXPECT_TRUE(tally.all_between(1, 1));
  EXPECT_TRUE(attempts_right);
}

// The handler has done its work, the worker dies before it can settle: again, and again, and then it is enough.
TEST_P(Crashing, AJobThatKeepsKillingItsWorkerIsDead) {
  push_numbers(1);
  for (int i = 0; i < 4; ++i) {  // the first crash cannot be told from a prefetch
    ChildProcess child({own_program(), "worker", fixture().address(), "1"});
    ASSERT_EQ(child.read_line(20s), "ready");
    ASSERT_EQ(child.read_line(20s), "0") << i;
    child.send_signal(SIGKILL);
    child.wait();
  }
  Worker worker(broker(), {.concurrency = 1, .ack_wait = 1s});
  worker.handle("number", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  const auto letters = DeadLetters(broker()).list().value();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().reason, "crashed");
}

TEST_P(Crashing, AServerThatIsKilledAndComesBackLosesNoJob) {
  if (!fixture().has_server()) return;  // the file is the server: the cases above kill its only users
  constexpr int kJobs = 2000;
  push_numbers(kJobs);
  Worker worker(broker(), {.concurrency = 2, .ack_wait = 2s});
  Tally tally(kJobs);
  worker.handle("number", [&](JobContext& job) {
    tally.mark(job.payload());
    leat::sleep_for(real_clock(), 1ms, {});
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  for (const auto how : {BrokerFixture::Shutdown::kKill, BrokerFixture::Shutdown::kTerminate}) {
    const int before = tally.total();
    ASSERT_TRUE(eventually([&] { return tally.total() > before + 200; }));
    fixture().stop_server(how);
    fixture().start_server();
  }
  EXPECT_TRUE(eventually([&] { return tally.all_between(1, 1000); })) << tally.total();
  EXPECT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
}

LEAT_ON_EVERY_SHARED_BROKER(Crashing);

}  // namespace
}  // namespace leat::test
