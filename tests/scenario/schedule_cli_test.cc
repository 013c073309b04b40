// `leat schedule`, `leat scheduler` and delayed jobs, from a shell.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/mutex.h"
#include "leat/clock.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

struct Ended {
  int code = -1;
  std::string output;
  std::string error;
};

std::string contents_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct ScheduleCliTest : ::testing::Test {
  TemporaryDirectory directory;
  const std::string url = "sqlite:" + (directory.path() / "jobs.db").string();

  // `line` is what a shell would be given after `leat`, with LEAT_URL set to the test's file.
  Ended leat(const std::string& line) const {
    const auto file = [&](const char* name) { return (directory.path() / name).string(); };
    const std::string command =
        "LEAT_URL='" + url + "' " LEAT_BINARY " " + line + " >" + file("output") + " 2>" + file("error");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents_of(file("output")), contents_of(file("error"))};
  }
  json leat_json(const std::string& line) const { return json::parse(leat(line + " --json").output); }
  std::string enqueue(const std::string& options) const { return leat_json("enqueue step 1 " + options)["id"]; }
  std::string state_of(const std::string& job) const { return leat_json("job status " + job)["state"]; }
  ChildProcess start(const std::string& arguments) const {
    return ChildProcess({"/bin/sh", "-c", "exec " LEAT_BINARY " --url '" + url + "' --log-level off " + arguments});
  }
  static bool eventually(const std::function<bool()>& happened) {
    const SteadyTime until = real_clock().steady() + 30s;
    while (!happened()) {
      if (real_clock().steady() > until) return false;
    }
    return true;
  }
  static void expect_clean_stop(ChildProcess& process) {
    process.send_signal(SIGTERM);
    const int status = process.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
};

TEST_F(ScheduleCliTest, ASchedulesLife) {
  const std::string add = "schedule add report send '{\"a\":1}' --cron '0 6 1 1 *' --tz Europe/Berlin --priority high";
  const json added = leat_json(add);
  EXPECT_EQ(added["change"], "created");
  EXPECT_TRUE(added["next"].get<std::string>().ends_with("-01-01T05:00:00.000Z")) << added;
  EXPECT_EQ(leat_json(add)["change"], "unchanged");
  const Ended again = leat(add);
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.output.find("report is unchanged, next at "), 0U) << again.output;
  EXPECT_EQ(leat_json(add + " --queue mail")["change"], "changed");

  const json all = leat_json("schedule list");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["name"], "report");
  const std::string table = leat("schedule list").output;
  EXPECT_EQ(table.find("SCHEDULE  WHEN "), 0U) << table;
  EXPECT_NE(table.find("0 6 1 1 * Europe/Berlin  send  mail "), std::string::npos) << table;

  const json shown = leat_json("schedule show report");
  const json expected = {{"kind", "send"},          {"queue", "mail"},    {"cron", "0 6 1 1 *"},
                         {"zone", "Europe/Berlin"}, {"priority", "high"}, {"runs", 0},
                         {"paused", false},         {"finished", false},  {"payload", R"({"a":1})"}};
  for (const auto& [key, value] : expected.items()) EXPECT_EQ(shown[key], value) << key;
  EXPECT_NE(leat("schedule show report").output.find("\npayload: {\"a\":1}\n"), std::string::npos);

  EXPECT_EQ(leat("schedule pause report").output, "report is paused\n");
  EXPECT_EQ(leat_json("schedule show report")["paused"], true);
  EXPECT_NE(leat("schedule list").output.find("  paused"), std::string::npos);
  const json run = leat_json("schedule run report");
  EXPECT_EQ(run["id"].get<std::string>().find("high.mail.s-report-run-"), 0U) << run;
  EXPECT_EQ(state_of(run["id"]), "pending");
  EXPECT_EQ(leat_json("schedule resume report")["state"], "resumed");
  EXPECT_EQ(leat_json("schedule show report")["paused"], false);
  EXPECT_EQ(leat("schedule remove report").output, "report is removed\n");
  EXPECT_EQ(leat("schedule list").output, "no schedules in namespace leat\n");
}

TEST_F(ScheduleCliTest, ASchedulerTicksAndAWorkerRuns) {
  ASSERT_EQ(leat("schedule add pulse beat '{\"n\":1}' --every 1s --repeat 2").code, 0);
  const std::string soon = enqueue("--in 1ms --track");
  ChildProcess scheduler = start("scheduler --name leads");
  ASSERT_TRUE(eventually([&] { return leat_json("schedule show pulse")["finished"] == true; }));
  ASSERT_TRUE(eventually([&] { return state_of(soon) == "pending"; }));
  EXPECT_EQ(leat_json("schedule show pulse")["runs"], 2);
  const json workers = leat_json("workers");
  ASSERT_EQ(workers.size(), 1U) << workers;
  EXPECT_EQ(workers[0]["name"], "leads");
  EXPECT_EQ(leat_json("queue list")[0]["medium"]["pending"], 3);
  expect_clean_stop(scheduler);
  EXPECT_EQ(leat_json("workers").size(), 0U);

  ChildProcess worker = start("worker --no-scheduler --exec beat=cat --exec step=cat");
  EXPECT_TRUE(eventually([&] { return state_of(soon) == "done"; }));
  EXPECT_TRUE(eventually([&] { return leat_json("queue list")[0]["medium"]["pending"] == 0; }));
  expect_clean_stop(worker);
}

TEST_F(ScheduleCliTest, WhenAnExpressionIsDue) {
  const std::string line = "schedule next '30 2 * * *' --tz Europe/Berlin --from 2026-03-28T00:00:00Z --count 3";
  EXPECT_EQ(leat(line).output, "2026-03-28T01:30:00.000Z\n2026-03-29T01:00:00.000Z\n2026-03-30T00:30:00.000Z\n");
  EXPECT_EQ(leat_json(line),
            json::parse(R"(["2026-03-28T01:30:00.000Z","2026-03-29T01:00:00.000Z","2026-03-30T00:30:00.000Z"])"));
  EXPECT_EQ(leat_json("schedule next @hourly").size(), 5U);
  EXPECT_EQ(leat("--url foo: schedule next @hourly --count 1").code, 0) << "it needs no broker";
  EXPECT_EQ(leat("schedule next '* * * * *' --count 0").code, 2);
  EXPECT_EQ(leat("schedule next '99 * * * *'").error,
            "leat: cron \"99 * * * *\": minute is 0 to 59, and 99 stands at position 1\n");
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "jobs.db"));
}

TEST_F(ScheduleCliTest, BadInputIsRefusedWithItsPlace) {
  const std::pair<const char*, const char*> refused[] = {
      {"--cron '0 0 30 2 *'", "cron \"0 0 30 2 *\": it can never be due: none of its months has such a day\n"},
      {"--cron '61 * * * *'", "minute is 0 to 59, and 61 stands at position 1\n"},
      {"--cron '0 25 * * *'", "hour is 0 to 23, and 25 stands at position 3\n"},
      {"--cron '0 6 * * *' --tz Europe/Berlni",
       "there is no time zone \"Europe/Berlni\": did you mean Europe/Berlin?\n"},
      {"--every 0s", "--every: an interval is 1s to 3650d, and this one is 0s: see leat schedule add --help\n"},
      {"--every 500ms", "an interval is 1s to 3650d in whole milliseconds, and this one is 500ms\n"},
      {"--every 1h --start 2026-02-01T00:00:00Z --end 2026-01-01T00:00:00Z",
       "its end, 2026-01-01T00:00:00.000Z, is before its start, 2026-02-01T00:00:00.000Z\n"},
      {"--every 1h --end 2020-01-01T00:00:00Z",
       "its end, 2020-01-01T00:00:00.000Z, has passed: give a later one, or none\n"},
      {"--cron '0 0 1 1 *' --start 2099-01-02T00:00:00Z --end 2099-12-31T00:00:00Z",
       "it is not due once before its end, 2099-12-31T00:00:00.000Z: give a later one, or none\n"},
      {"", "say when it is due: give --cron EXPR or --every DURATION\n"},
      {"--every 1h --cron '* * * * *'", "--cron excludes --every: see leat schedule add --help\n"},
      {"--every 1h --tz UTC", "an interval has no time zone\n"},
      {"--cron '0 6 * * *' --tz ''",
       "--tz: a time zone has a name, as UTC or Europe/Berlin: see leat schedule add --help\n"},
      {"--every 1h --repeat 0", "repeat is 0; it is 1 or more\n"},
      {"--every 1h --repeat -1", "--repeat: Value -1 not in range 0 to 1000000000000: see leat schedule add --help\n"},
      {"--every soon",
       "--every: \"soon\" is no duration: write a number and a unit, as in 500ms, 30s, 5m, 2h or 7d: "
       "see leat schedule add --help\n"},
      {"--every 1h --start yesterday",
       "--start: \"yesterday\" is no time: write it as 2026-01-31T12:00:00Z or with an "
       "offset, 2026-01-31T12:00:00+01:00: see leat schedule add --help\n"},
  };
  for (const auto& [options, message] : refused) {
    const Ended ended = leat("schedule add bad k '{}' " + std::string(options));
    EXPECT_EQ(ended.code, 2) << options;
    EXPECT_EQ(ended.output, "") << options;
    EXPECT_TRUE(ended.error.starts_with("leat: ") && ended.error.ends_with(message)) << options << "\n" << ended.error;
  }
  EXPECT_EQ(leat("schedule add 'a b' k '{}' --every 1h").error,
            "leat: schedule name \"a b\": use 1 to 64 letters, digits, `_` or `-`\n");
  EXPECT_EQ(leat("schedule add a k '{' --every 1h").code, 2);
  ASSERT_EQ(leat("schedule add good k '{}' --every 1h").code, 0);
  EXPECT_EQ(leat_json("schedule list").size(), 1U) << "nothing that was refused is stored";
  for (const char* command : {"show", "pause", "resume", "remove", "run"}) {
    const Ended ended = leat("schedule " + std::string(command) + " nobody");
    EXPECT_EQ(ended.code, 1) << command;
    EXPECT_EQ(ended.error, "leat: there is no schedule \"nobody\": see leat schedule list\n") << command;
  }
}

TEST_F(ScheduleCliTest, DelayedJobsAreGivenAnotherTimeAndPromoted) {
  const std::string at = enqueue("--at 2100-01-01T00:00:00Z");
  const std::string in = enqueue("--in 2h");
  EXPECT_EQ(state_of(at), "scheduled");
  EXPECT_EQ(leat_json("job status " + at)["due"], "2100-01-01T00:00:00.000Z");
  EXPECT_EQ(leat("job reschedule " + at + " --at 2099-12-24T18:00:00+01:00").output,
            at + " runs at 2099-12-24T17:00:00.000Z\n");
  EXPECT_EQ(leat_json("job status " + at)["due"], "2099-12-24T17:00:00.000Z");
  EXPECT_NE(leat("job status " + at).output.find("\n  due: 2099-12-24T17:00:00.000Z\n"), std::string::npos);
  EXPECT_EQ(leat("job reschedule " + at + " --in 100000d").output, at + " runs at 2262-04-11T23:47:16.854Z\n");
  EXPECT_EQ(leat_json("job status " + at)["due"], "2262-04-11T23:47:16.854Z");
  EXPECT_EQ(leat("job promote " + in).output, in + " runs now\n");
  EXPECT_EQ(leat_json("job reschedule " + at + " --in 1ms")["id"], at);
  ChildProcess scheduler = start("scheduler");
  EXPECT_TRUE(eventually([&] { return state_of(in) == "pending" && state_of(at) == "pending"; }));
  expect_clean_stop(scheduler);
  const Ended late = leat("job promote " + in);
  EXPECT_EQ(late.code, 1);
  EXPECT_EQ(late.error, "leat: " + in + " does not wait for a time (any more): see leat job status " + in + "\n");
  EXPECT_EQ(leat("job reschedule " + at).code, 2) << "neither --at nor --in";
  EXPECT_EQ(leat("job reschedule " + at + " --in 1h --at 2100-01-01T00:00:00Z").code, 2);
  EXPECT_EQ(leat("enqueue step 1 --at soon").code, 2);
  EXPECT_EQ(leat("enqueue step 1 --in 1h --at 2100-01-01T00:00:00Z").code, 2);
  EXPECT_EQ(leat("job promote nonsense").code, 2);
}

}  // namespace
}  // namespace leat::test
