// The program's probes and signals, looked at from outside.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "http/http_client.h"
#include "leat/clock.h"
#include "tests/support/child_process.h"
#include "tests/support/nats_server.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

// `leat` with --health on a free port, which its log tells.
class Served {
 public:
  explicit Served(const std::string& url, const std::string& command)
      : process_(
            {"/bin/sh", "-c", "exec " LEAT_BINARY " --url '" + url + "' " + command + " --health 127.0.0.1:0 2>&1"}) {
    while (const auto line = process_.read_line(30s)) {
      constexpr std::string_view kSign = "health is answered address=";
      const auto at = line->find(kSign);
      if (at == line->npos) continue;
      address_ = line->substr(at + kSign.size());
      return;
    }
    ADD_FAILURE() << "no line tells where health is answered";
  }

  // 0 when nobody answers.
  int status(const std::string& path) {
    const auto answer =
        client_.send({.method = HttpRequest::Method::kGet, .url = "http://" + address_ + path, .timeout = 5s});
    return answer && *answer ? (*answer)->status : 0;
  }
  bool becomes(const std::string& path, int wanted) {
    const SteadyTime until = real_clock().steady() + 60s;
    while (status(path) != wanted) {
      if (real_clock().steady() > until) return false;
    }
    return true;
  }

  const std::string& address() const { return address_; }
  void send_signal(int number) const { process_.send_signal(number); }
  // The exit code, or minus the signal that ended it.
  int wait() {
    const int status = process_.wait();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  ChildProcess process_;
  std::string address_;
  HttpClient client_;
};

TEST(HealthTest, AWorkerIsReadyWhileItsServerAnswers) {
  NatsServer server;
  Served worker("nats://" + server.address(), "worker --exec k=true");
  EXPECT_TRUE(worker.becomes("/ready", 200));
  EXPECT_EQ(worker.status("/live"), 200);
  for (const auto how : {NatsServer::Shutdown::kKill, NatsServer::Shutdown::kTerminate}) {
    server.stop(how);
    EXPECT_TRUE(worker.becomes("/ready", 503));
    EXPECT_EQ(worker.status("/live"), 200);
    server.start();
    EXPECT_TRUE(worker.becomes("/ready", 200));
  }
  worker.send_signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
}

struct HealthOnAFileTest : ::testing::Test {
  TemporaryDirectory directory;
  const std::string url = "sqlite:" + (directory.path() / "jobs.db").string();

  void enqueue(const std::string& kind) const {
    ChildProcess push({LEAT_BINARY, "--url", url, "enqueue", kind, "1"});
    EXPECT_EQ(push.wait(), 0);
  }
};

TEST_F(HealthOnAFileTest, AWorkerThatStopsIsNotReadyAndASecondSignalEndsIt) {
  const std::string begun = (directory.path() / "begun").string();
  enqueue("stay");
  Served worker(url, "worker --grace 1h --exec stay='touch " + begun + "; exec sleep 600'");
  EXPECT_TRUE(worker.becomes("/ready", 200));
  const SteadyTime until = real_clock().steady() + 30s;
  while (!std::filesystem::exists(begun) && real_clock().steady() < until) {
  }
  worker.send_signal(SIGTERM);
  EXPECT_TRUE(worker.becomes("/ready", 503));
  EXPECT_EQ(worker.status("/live"), 200);
  worker.send_signal(SIGINT);
  EXPECT_EQ(worker.wait(), 128 + SIGINT);
}

TEST_F(HealthOnAFileTest, ASchedulerHasProbesToo) {
  Served scheduler(url, "scheduler");
  EXPECT_TRUE(scheduler.becomes("/ready", 200));
  scheduler.send_signal(SIGINT);
  EXPECT_EQ(scheduler.wait(), 0);
  EXPECT_EQ(scheduler.status("/live"), 0);
}

TEST_F(HealthOnAFileTest, AnAddressThatIsTakenOrNoneIsRefused) {
  const Served first(url, "scheduler");
  for (const auto& [address, code] : {std::pair(std::string("nowhere"), 2), std::pair(first.address(), 1)}) {
    ChildProcess second({LEAT_BINARY, "--url", url, "--log-level", "off", "scheduler", "--health", address});
    const int status = second.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == code) << address << " " << status;
  }
}

}  // namespace
}  // namespace leat::test
