// `leat migrate`, the program itself, on a real server.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "leat/clickhouse.h"
#include "tests/support/child_process.h"
#include "tests/support/clickhouse_server.h"
#include "tests/support/comes_true.h"
#include "tests/support/http_server.h"

namespace leat::test {
namespace {

using nlohmann::json;

struct Ended {
  int code = -1;
  std::string output;
  std::string error;
};

constexpr auto kPatience = std::chrono::seconds(60);

void expect_interrupted(ChildProcess& process) {
  const SteadyTime begin = real_clock().steady();
  process.send_signal(SIGTERM);
  EXPECT_EQ(process.read_line(kPatience).value_or(""),
            "leat: interrupted: `leat migrate status` shows what is applied");
  const int status = process.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
  EXPECT_LT(real_clock().steady() - begin, std::chrono::seconds(10));  // not after a time-out
}

class MigrateTest : public ::testing::TestWithParam<ClickHouseKind> {
 protected:
  void SetUp() override {
    if (const std::string why = why_not(GetParam()); !why.empty()) GTEST_SKIP() << why;
    server_.emplace(GetParam());
    std::filesystem::create_directory(directory_.path() / "sql");
    write("1_create.sql",
          "-- +goose Up\nCREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a;\n-- +goose Down\nDROP TABLE t;\n");
    write("2_fill.sql", "-- +goose Up\nINSERT INTO t VALUES (1);\n");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.path() / "sql" / name) << text;
  }
  Ended leat(const std::string& line) const {
    const auto file = [&](const char* name) { return (directory_.path() / name).string(); };
    const auto text = [&](const char* name) {
      return (std::ostringstream() << std::ifstream(file(name)).rdbuf()).str();
    };
    const std::string command = "LEAT_URL=sqlite:none LEAT_CLICKHOUSE_URL='" + server_->url() +
                                "' " LEAT_BINARY " migrate " + line + " --dir " + file("sql") + " >" + file("output") +
                                " 2>" + file("error");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("output"), text("error")};
  }

  TemporaryDirectory directory_;
  std::optional<ClickHouseServer> server_;
};

TEST_P(MigrateTest, UpStatusAndDown) {
  EXPECT_EQ(leat("up").output, "applied 1_create.sql\napplied 2_fill.sql\n");
  EXPECT_EQ(leat("up").output, "nothing to do\n");
  const auto status = json::parse(leat("status --json").output);
  EXPECT_EQ(status.at(1).at("state"), "applied");
  EXPECT_EQ(status.at(1).at("version"), "2");
  const auto refused = leat("down");
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.error, "leat: 2_fill.sql has no `-- +goose Down` part: it cannot be taken back\n");
  write("2_fill.sql", "-- +goose Up\nINSERT INTO t VALUES (2);\n");
  EXPECT_EQ(leat("status").code, 1);
  for (const char* line : {"up --json", "down --to 0 --json"}) {
    const auto changed = leat(line);
    EXPECT_EQ(changed.code, 1) << line;
    EXPECT_EQ(json::parse(changed.error).at("error").at("code"), "conflict") << line;
  }
}

TEST_P(MigrateTest, AllAreTakenBackFromTheNewestOn) {
  write("2_fill.sql", "-- +goose Up\nINSERT INTO t VALUES (1);\n-- +goose Down\nSELECT 1;\n");
  EXPECT_EQ(leat("up").code, 0);
  EXPECT_EQ(json::parse(leat("down --to 0 --json").output), (json{{"reverted", {"2", "1"}}}));
}

TEST_P(MigrateTest, AHalfAppliedFileIsSettled) {
  write("2_fill.sql", "-- +goose Up\nINSERT INTO t VALUES (1);\nSELECT no_such_column;\n");
  const auto failed = leat("up");
  EXPECT_TRUE(failed.error.starts_with("leat: 2_fill.sql, statement 2 of 2: Code: ")) << failed.error;
  EXPECT_NE(leat("up").error.find("`leat migrate settle 2 --as applied` or `--as pending`"), std::string::npos);
  EXPECT_EQ(leat("settle 2 --as applied").output, "2_fill.sql is applied\n");
  EXPECT_EQ(leat("up").output, "nothing to do\n");
}

TEST_P(MigrateTest, MistakesAreToldWithARemedy) {
  EXPECT_NE(leat("up --url nats://h").error.find("expected clickhouse://HOST:8123/DATABASE"), std::string::npos);
  EXPECT_NE(leat("up --to x").error.find("give a version"), std::string::npos);
  EXPECT_NE(leat("settle 2 --as x").error.find("use applied or pending"), std::string::npos);
  EXPECT_NE(leat("").error.find("a command is missing: one of up, down, status, settle"), std::string::npos);
  EXPECT_NE(leat("up --help").output.find("Example:\n  leat migrate up --url clickhouse://"), std::string::npos);
  write("x.sql", "");
  EXPECT_NE(leat("up").error.find("expected {timestamp}_{description}.sql"), std::string::npos);
}

TEST_P(MigrateTest, ASignalEndsTheWaitForAnotherRunner) {
  open_clickhouse(server_->url())
      .value()
      ->execute("CREATE TABLE leat_migrations_lock (owner String DEFAULT 'somebody') ENGINE = Memory")
      .value();
  for (const char* line : {"up", "down"}) {
    ChildProcess waits({"/bin/sh", "-c",
                        "exec " LEAT_BINARY " --log-level info migrate " + std::string(line) + " --url '" +
                            server_->url() + "' --dir " + (directory_.path() / "sql").string() + " 2>&1"});
    while (const auto told = waits.read_line(kPatience)) {
      if (told->find("waits for another runner of migrations owner=somebody") != told->npos) break;
    }
    expect_interrupted(waits);
  }
  EXPECT_EQ(json::parse(leat("status --json").output).at(0).at("state"), "pending");
}

// The statement never ends.
TEST_P(MigrateTest, ASecondSignalEndsAStatementUnderWay) {
  write("2_fill.sql", "-- +goose Up\nSELECT sleep(1) FROM system.numbers SETTINGS max_block_size = 1;\n");
  ChildProcess works({"/bin/sh", "-c",
                      "exec " LEAT_BINARY " migrate up --url '" + server_->url() + "' --dir " +
                          (directory_.path() / "sql").string() + " 2>&1"});
  const auto engine = open_clickhouse(server_->url()).value();
  const std::string running =
      "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%' AND query NOT LIKE '%processes%'";
  ASSERT_TRUE(comes_true([&] { return engine->query(running).value_or("") == "1\n"; }));
  const auto has_ended = [&] {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(works.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
  };
  EXPECT_TRUE(comes_true([&] {
    works.send_signal(SIGTERM);
    return has_ended();
  }));
  works.send_signal(SIGKILL);
  const int status = works.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
}

INSTANTIATE_TEST_SUITE_P(Servers, MigrateTest, ::testing::Values(ClickHouseKind::kDebian, ClickHouseKind::kFront),
                         [](const auto& of) { return of.param == ClickHouseKind::kDebian ? "debian" : "front"; });

TEST(MigrateSignalTest, ASignalEndsTheWaitForAServerThatSaysNothing) {
  std::atomic<int> asked{0};
  std::atomic<bool> over{false};
  const HttpServer silent([&](const httplib::Request&, httplib::Response&) {
    ++asked;
    comes_true([&] { return over.load(); });
  });
  const TemporaryDirectory directory;
  int commands = 0;
  for (const char* line : {"up", "down", "status"}) {
    ChildProcess waits({"/bin/sh", "-c",
                        "exec " LEAT_BINARY " migrate " + std::string(line) + " --url '" + silent.url("") + "' --dir " +
                            directory.path().string() + " 2>&1"});
    ++commands;
    EXPECT_TRUE(comes_true([&] { return asked == commands; })) << line;
    expect_interrupted(waits);
  }
  over = true;
}

}  // namespace
}  // namespace leat::test
