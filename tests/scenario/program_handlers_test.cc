// Workers whose jobs are programs of others: what becomes of these when the worker ends, in each way it can.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include "core/mutex.h"
#include "leat/clock.h"
#include "tests/support/child_process.h"
#include "tests/support/http_server.h"
#include "tests/support/nats_server.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDisobey = "trap '' TERM";

template <class Predicate>
bool eventually(Predicate ready) {
  const SteadyTime until = real_clock().steady() + 60s;
  while (!ready()) {
    if (real_clock().steady() > until) return false;
    leat::sleep_for(real_clock(), 5ms, {});
  }
  return true;
}

std::string contents_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A process that has ended and that nobody has collected is no longer there.
bool is_running(pid_t pid) {
  const std::string stat = contents_of("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat.rfind(')');
  return name_end != stat.npos && stat.at(name_end + 2) != 'Z';
}

constexpr const char* kNats = "nats";

struct ProgramHandlersTest : ::testing::TestWithParam<const char*> {
  TemporaryDirectory directory;
  std::optional<NatsServer> server;
  std::string url = "sqlite:" + path("jobs.db");

  void SetUp() override {
    if (GetParam() != std::string_view(kNats)) return;
    server.emplace(NatsServerOptions{.binary = nats_server_binaries().back()});
    url = "nats://" + server->address();
  }

  std::string path(const std::string& name) const { return (directory.path() / name).string(); }

  int leat(const std::string& line) const {
    const std::string command = LEAT_BINARY " --url " + url + " " + line + " >" + path("out") + " 2>" + path("err");
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // A worker for one command that runs beside a child of its own; `first` is what the command does before, and both
  // note their ids.
  std::unique_ptr<ChildProcess> start_worker(const std::string& first, const std::string& grace,
                                             const std::vector<std::string>& options = {}) const {
    const std::string command = "nap=" + first + "; sleep 300 & echo $! $$ >" + path("ids.new") + "; mv " +
                                path("ids.new") + " " + path("ids") + "; wait; sleep 300";
    std::vector<std::string> line{LEAT_BINARY,     "--url", url,       "--log-level", "off",    "worker",
                                  "--concurrency", "1",     "--grace", grace,         "--exec", command};
    line.insert(line.end(), options.begin(), options.end());
    return std::make_unique<ChildProcess>(std::move(line));
  }

  // The ids of the command and of its child, when both run.
  std::pair<pid_t, pid_t> running_command() const {
    if (!eventually([this] { return std::filesystem::exists(path("ids")); })) return {};
    std::pair<pid_t, pid_t> ids;
    std::ifstream(path("ids")) >> ids.first >> ids.second;
    return ids;
  }

  // Kills by id what did not end.
  void expect_ends(const std::pair<pid_t, pid_t>& ids) const {
    for (const pid_t pid : {ids.first, ids.second}) {
      const bool ended = eventually([&] { return !is_running(pid); });
      EXPECT_TRUE(ended) << contents_of("/proc/" + std::to_string(pid) + "/cmdline");
      if (!ended) kill(pid, SIGKILL);
    }
  }
};

TEST_P(ProgramHandlersTest, NothingOutlivesAWorkerThatIsKilled) {
  ASSERT_EQ(leat("enqueue nap 1"), 0);
  const auto worker = start_worker(kDisobey, "1h");
  const auto ids = running_command();
  ASSERT_TRUE(is_running(ids.first) && is_running(ids.second));
  worker->send_signal(SIGKILL);
  worker->wait();
  expect_ends(ids);
}

TEST_P(ProgramHandlersTest, NothingOutlivesASecondSignal) {
  ASSERT_EQ(leat("enqueue nap 1"), 0);
  const auto worker = start_worker(kDisobey, "1h");
  const auto ids = running_command();
  ASSERT_TRUE(is_running(ids.first) && is_running(ids.second));
  worker->send_signal(SIGTERM);
  worker->send_signal(SIGINT);
  const int status = worker->wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) > 128) << status;
  expect_ends(ids);
}

TEST_P(ProgramHandlersTest, ACommandThatTakesTooLongIsEnded) {
  ASSERT_EQ(leat("enqueue nap 1"), 0);
  ASSERT_EQ(leat("enqueue stranger 1"), 0);
  const auto worker =
      start_worker("true", "1h",
                   {"--timeout", "300ms", "--max-attempts", "1", "--stuck-after", "1h", "--unknown-kind-grace", "1ms"});
  expect_ends(running_command());
  EXPECT_TRUE(eventually([this] { return leat("dead show 1") == 0 && leat("dead show 2") == 0; }));
  ASSERT_EQ(leat("dead list --json"), 0);
  const std::string dead = contents_of(path("out"));
  EXPECT_NE(dead.find("took longer than its limit"), std::string::npos) << dead;
  EXPECT_NE(dead.find("unknown_kind"), std::string::npos) << dead;
  worker->send_signal(SIGTERM);
  worker->wait();
}

TEST_P(ProgramHandlersTest, AStoppedWorkerEndsItsCommandsAndThenItself) {
  ASSERT_EQ(leat("enqueue nap 1"), 0);
  const auto worker = start_worker("true", "1ms");
  const auto ids = running_command();
  ASSERT_TRUE(is_running(ids.first) && is_running(ids.second));
  worker->send_signal(SIGTERM);
  const int status = worker->wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  expect_ends(ids);
}

TEST_P(ProgramHandlersTest, JobsArePostedAndStatusesAreTheirVerdicts) {
  setenv("no_proxy", "127.0.0.1", 1);
  const HttpServer server([](const httplib::Request& request, httplib::Response& response) {
    const bool again = request.get_header_value("Leat-Attempt") == "1";
    response.status = request.path == "/refuse" ? 422 : again ? 503 : 200;
    response.set_content(request.body + " for " + request.get_header_value("traceparent") + "\n", "text/plain");
  });
  const ChildProcess worker({LEAT_BINARY, "--url", url, "--log-level", "off", "worker", "--retry-first", "1ms",
                             "--http", "accept=" + server.url("/accept"), "--http", "refuse=" + server.url("/refuse")});
  EXPECT_EQ(leat("enqueue accept 1 --header traceparent=00-ab-cd-01 --wait 60s"), 0) << contents_of(path("err"));
  EXPECT_EQ(contents_of(path("out")), "1 for 00-ab-cd-01\n");
  EXPECT_EQ(leat("enqueue refuse 2 --header traceparent=t --wait 60s"), 1);
  EXPECT_NE(contents_of(path("err")).find("/refuse answers 422: 2 for t"), std::string::npos)
      << contents_of(path("err"));
}

TEST_P(ProgramHandlersTest, BadHandlersAreRefusedWithARemedy) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"--exec 'a b=c'", "--exec: job kind \"a b\": use 1 to 128 printable characters without spaces"},
      {"--exec '=c'", "--exec: \"=c\": write a name, `=` and a value"},
      {"--exec 'a='", "--exec: \"a=\" has no command"},
      {"--exec 'a=  '", "--exec: \"a=\" has no command"},
      {"--exec a=b --exec a=c", "--exec: kind \"a\" stands twice: a kind has one handler"},
      {"--exec a=b --http a=http://h/", "--http: kind \"a\" stands twice: a kind has one handler"},
      {"--http a=",
       "--http: kind \"a\": this is no HTTP URL: it has no scheme; expected http://HOST/... or https://HOST/..."},
      {"--http a=ftp://h/",
       "--http: kind \"a\": this is no HTTP URL: its scheme is ftp; expected http://HOST/... or https://HOST/..."},
      {"", "--exec or --http is required"},
  };
  for (const auto& [options, message] : cases) {
    EXPECT_EQ(leat(std::string("worker ") + options), 2) << options;
    EXPECT_EQ(contents_of(path("err")), std::string("leat: ") + message + ": see leat worker --help\n") << options;
  }
}

INSTANTIATE_TEST_SUITE_P(, ProgramHandlersTest, ::testing::Values("sqlite", kNats),
                         [](const auto& broker) { return std::string(broker.param); });

}  // namespace
}  // namespace leat::test
