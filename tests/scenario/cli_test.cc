// The program itself: what it prints, what it refuses, and how it ends.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include <regex>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "core/mutex.h"
#include "leat/clock.h"
#include "tests/support/child_process.h"
#include "tests/support/dead_letter_lines.h"
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

struct CliTest : ::testing::Test {
  TemporaryDirectory directory;
  const std::string url = "sqlite:" + (directory.path() / "jobs.db").string();

  // `line` is what a shell would be given after `leat`, with LEAT_URL set to the test's file.
  Ended leat(const std::string& line, const std::string& input = "") const {
    const auto file = [&](const char* name) { return (directory.path() / name).string(); };
    std::ofstream(file("input")) << input;
    const std::string command = "LEAT_URL='" + url + "' " LEAT_BINARY " " + line + " <" + file("input") + " >" +
                                file("output") + " 2>" + file("error");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents_of(file("output")), contents_of(file("error"))};
  }

  json leat_json(const std::string& line) const { return json::parse(leat(line + " --json").output); }

  bool eventually_dead(std::size_t count) const {
    const SteadyTime until = real_clock().steady() + 30s;
    while (leat_json("dead list").size() != count) {
      if (real_clock().steady() > until) return false;
    }
    return true;
  }
};

TEST_F(CliTest, EveryHelpEndsWithAnExample) {
  for (const std::string command :
       {"",          "enqueue",    "worker",        "job",          "job result",   "job status",  "job cancel",
        "queue",     "queue list", "queue streams", "queue pause",  "queue resume", "queue purge", "dead",
        "dead list", "dead show",  "dead retry",    "dead discard", "dead export",  "dead import", "demo"}) {
    const Ended help = leat(command + " --help");
    EXPECT_EQ(help.code, 0) << command;
    const auto example = help.output.find("\nExample:\n  leat ");
    ASSERT_NE(example, std::string::npos) << help.output;
    EXPECT_NE(help.output.find(command, example), std::string::npos) << help.output;
  }
}

TEST_F(CliTest, JobsWaitForOthersAndAreLookedAtAndCancelled) {
  const auto enqueue = [&](const std::string& options) {
    std::string id = leat("enqueue step 1 " + options).output;
    id.pop_back();
    return id;
  };
  const std::string parent = enqueue("--track");
  const std::string child = enqueue("--track --after " + parent);
  const std::string other = enqueue("--track --if-dead run --after " + parent + "," + child);
  EXPECT_EQ(leat_json("job status " + parent)["state"], "pending");
  EXPECT_EQ(leat_json("job status " + child)["state"], "waiting");
  EXPECT_NE(leat("job status " + child).output.find(" is waiting\n  kind: step"), std::string::npos);
  const Ended refused = leat("enqueue step 1 --after medium.default.nobody");
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.error.find("cannot be waited for"), std::string::npos) << refused.error;
  EXPECT_EQ(leat("enqueue step 1 --after nonsense").code, 2);
  EXPECT_EQ(leat_json("job cancel " + child)["was"], "scheduled");
  EXPECT_EQ(leat("job cancel " + child).code, 1);
  EXPECT_EQ(leat_json("job status " + child)["state"], "cancelled");
  EXPECT_EQ(leat("job status medium.default.nobody").code, 1);
  const ChildProcess worker({LEAT_BINARY, "--url", url, "--log-level", "off", "worker", "--exec", "step=cat"});
  EXPECT_EQ(json::parse(leat("enqueue step 7 --wait 30s --json --after " + parent).output)["value"], "7");
  EXPECT_EQ(leat_json("job status " + other + " --wait 5s")["state"], "done");
}

TEST_F(CliTest, AHelpTellsEachDefaultOnce) {
  const std::regex twice(R"((\[[^\]]+\])\s+\1)");
  for (const char* command : {"", "enqueue", "worker", "job status", "job cancel", "job result", "job reschedule",
                              "dead list", "dead retry", "schedule add", "schedule next", "scheduler", "events",
                              "migrate", "migrate up", "pipeline run", "ingest", "demo", "bench"}) {
    const Ended help = leat(std::string(command) + " --help");
    ASSERT_EQ(help.code, 0) << command;
    EXPECT_FALSE(std::regex_search(help.output, twice)) << help.output;
  }
}

TEST_F(CliTest, AJobIsEnqueuedOnceForAKey) {
  const std::string id = leat_json("enqueue invoice 17 --unique 'invoice 17'")["id"];
  const Ended refused = leat("enqueue invoice 17 --unique 'invoice 17'");
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.error, "leat: unique key \"invoice 17\" is taken: job " + id + " is not done yet\n");
  EXPECT_EQ(leat_json("enqueue invoice 17 --unique 'invoice 17' --on-conflict existing")["id"], id);
  EXPECT_EQ(leat_json("queue list")[0]["medium"]["pending"], 1);
  EXPECT_EQ(leat("enqueue invoice 17 --unique later --in 1h --when-due wait").code, 0);
}

TEST_F(CliTest, AJobMayHaveLimitsAndRetriesOfItsOwn) {
  const ChildProcess worker({LEAT_BINARY, "--url", url, "--log-level", "off", "worker", "--concurrency", "1",
                             "--retry-first", "1h", "--exec", "fail=exit 1", "--exec", "sleep=exec sleep 60"});
  EXPECT_EQ(leat("enqueue fail 1 --max-attempts 3 --retry-first 1ms --retry-factor 1 --wait 30s")
                .error.find("leat: job medium.default."),
            0U);
  ASSERT_TRUE(eventually_dead(1));
  EXPECT_EQ(leat_json("dead list")[0]["attempts"], 3);
  const Ended slow = leat("enqueue sleep 1 --timeout 50ms --max-attempts 1 --wait 30s");
  EXPECT_NE(slow.error.find("longer than its limit"), std::string::npos) << slow.error;
  ASSERT_EQ(leat("enqueue fail 1 --deadline 1ms").code, 0);
  ASSERT_TRUE(eventually_dead(3));
  EXPECT_EQ(leat_json("dead list")[2]["reason"], "deadline");
}

TEST_F(CliTest, TheHelpNamesCommandsAndExitCodes) {
  const std::string help = leat("--help").output;
  for (const char* name : {"enqueue ", "worker ", "job ", "queue ", "dead ", "demo ", "LEAT_URL", "LEAT_NAMESPACE"})
    EXPECT_NE(help.find(name), std::string::npos) << name;
  EXPECT_NE(help.find("Exit codes: 0 ok, 1 failure, 2 usage"), std::string::npos);
  EXPECT_EQ(help.find("demo-worker"), std::string::npos);
}

TEST_F(CliTest, BadInputIsRefusedWithARemedy) {
  const std::array<std::tuple<const char*, int, const char*>, 41> cases{{
      {"enqeue", 2, "leat: there is no command enqeue: did you mean enqueue? See leat --help\n"},
      {"queue lst", 2, "leat: there is no command lst: did you mean list? See leat queue --help\n"},
      {"queue list --jsno", 2, "leat: there is no option --jsno: did you mean --json? See leat queue list --help\n"},
      {"queue list surplus", 2, "leat: \"surplus\" is one argument too many: see leat queue list --help\n"},
      {"queue", 2, "leat: a command is missing: one of list, streams, pause, resume, purge: see leat queue --help\n"},
      {"enqueue", 2, "leat: KIND is required: see leat enqueue --help\n"},
      {"enqueue k '{\"a\":}'", 2,
       "leat: payload is no JSON, at line 1, column 6: syntax error while parsing value - unexpected '}'; expected "
       "'[', '{', or a literal: quote it for the shell, or give --raw\n"},
      {"enqueue k 1 --queue a.b", 2,
       "leat: --queue: queue name \"a.b\": use 1 to 64 letters, digits, `_` or `-`: see leat enqueue --help\n"},
      {"enqueue k 1 --priority urgent", 2,
       "leat: --priority: \"urgent\": use high, medium or low: see leat enqueue --help\n"},
      {"--url '' queue list", 2,
       "leat: no broker is named: give --url or set LEAT_URL, for example to sqlite:jobs.db or "
       "nats://localhost:4222\n"},
      {"--namespace a.b worker --exec k=true", 2, "leat: namespace \"a.b\": use 1 to 54 letters, digits, `_` or `-`\n"},
      {"--namespace a.b scheduler", 2, "leat: namespace \"a.b\": use 1 to 54 letters, digits, `_` or `-`\n"},
      {"--url foo:bar queue list", 2,
       "leat: broker URL: unknown scheme \"foo\"; expected memory:, sqlite:FILE, nats://HOST or tls://HOST\n"},
      {"dead list --queue 'a b'", 2,
       "leat: --queue: queue name \"a b\": use 1 to 64 letters, digits, `_` or `-`: see leat dead list --help\n"},
      {"dead list --limit -1", 2, "leat: --limit: \"-1\": write a whole number from 1 on: see leat dead list --help\n"},
      {"dead list --after x", 2, "leat: --after: \"x\": write a whole number: see leat dead list --help\n"},
      {"dead show -1", 2,
       "leat: NUMBER: \"-1\": write a number that `leat dead list` shows: see leat dead show --help\n"},
      {"dead retry 99999999999999999999", 2,
       "leat: NUMBER: \"99999999999999999999\": write a number that `leat dead list` shows: see leat dead retry "
       "--help\n"},
      {"dead retry", 2, "leat: nothing says which dead letters: give a NUMBER, a filter such as --kind, or --all\n"},
      {"dead discard --limit 5", 2,
       "leat: nothing says which dead letters: give a NUMBER, a filter such as --kind, or --all\n"},
      {"dead discard 1 --kind k", 2,
       "leat: NUMBER names one dead letter, the other options select several: give either\n"},
      {"dead retry --all --payload 1", 2,
       "leat: --payload, --set-kind, --set-header and --drop-header change one dead letter: give its NUMBER\n"},
      {"dead retry --all --rate 0", 2,
       "leat: --rate: \"0\": write how many in a second, from 0.001 to 1000000: see leat dead retry --help\n"},
      {"dead import nowhere.ndjson", 2, "leat: \"nowhere.ndjson\" cannot be read: No such file or directory\n"},
      {"worker --exec nonsense", 2,
       "leat: --exec: \"nonsense\": write a name, `=` and a value: see leat worker --help\n"},
      {"worker --exec k=true --ack-wait 50ms", 2,
       "leat: --ack-wait: \"50ms\" is too short: it is 100ms or more: see leat worker --help\n"},
      {"worker --exec k=true --queue a,a", 2,
       "leat: --queue: \"a\" stands twice: name each queue once: see leat worker --help\n"},
      {"worker --exec k=true --queue a --queue a", 2,
       "leat: --queue: \"a\" stands twice: name each queue once: see leat worker --help\n"},
      {"worker --exec k=true --queue a,,b", 2,
       "leat: --queue: queue name \"\": use 1 to 64 letters, digits, `_` or `-`: see leat worker --help\n"},
      {"worker --exec k=true --retry-factor nan", 2,
       "leat: --retry-factor: \"nan\": write a number from 1 to 1000: see leat worker --help\n"},
      {"worker --http k=http://localhost/ --http-timeout 0s", 2,
       "leat: --http-timeout: \"0s\" is too short: it is 1ms or more: see leat worker --help\n"},
      {"worker --exec k=true --timeout 0s", 2,
       "leat: --timeout: \"0s\" is too short: it is 1ms or more: see leat worker --help\n"},
      {"worker --exec k=true --stuck-after 0s", 2,
       "leat: --stuck-after: \"0s\" is too short: it is 1ms or more: see leat worker --help\n"},
      {"enqueue k 1 --if-dead 0", 2, "leat: --if-dead: \"0\": use cancel or run: see leat enqueue --help\n"},
      {"enqueue k 1 --at 9999-01-01T00:00:00Z", 2,
       "leat: --at: \"9999-01-01T00:00:00Z\" is out of reach: times are in the years 1678 to 2261: see leat enqueue "
       "--help\n"},
      {"enqueue k 1 --in 999999d", 2,
       "leat: --in: \"999999d\" is too long: a duration is up to 106000d: see leat enqueue --help\n"},
      {"enqueue k 1 --after medium.default.x,", 2,
       "leat: --after: \"\" is no job id; one looks like medium.default.01J9ZK3V5T...: see leat enqueue --help\n"},
      {"enqueue k 1 --on-conflict existing", 2, "leat: --on-conflict requires --unique: see leat enqueue --help\n"},
      {"enqueue k 1 --unique ''", 2,
       "leat: --unique: unique key of 0 bytes: use 1 to 200, or a hash of what is longer: see leat enqueue --help\n"},
      {"enqueue k - --unique a", 2, "leat: --unique needs a single job: give its JSON instead of -\n"},
      {"--url sqlite:///tmp/x.db queue list", 2,
       "leat: broker URL: sqlite: takes the path of a file, without //: write sqlite:/tmp/x.db or, from the current "
       "directory, sqlite:tmp/x.db\n"},
  }};
  for (const auto& [line, code, message] : cases) {
    const Ended ended = leat(line);
    EXPECT_EQ(ended.code, code) << line;
    EXPECT_EQ(ended.error, message) << line;
    EXPECT_EQ(ended.output, "") << line;
  }
}

TEST_F(CliTest, CommandsThatOnlyReadNeedAFile) {
  const std::string file = (directory.path() / "jobs.db").string();
  for (const char* line :
       {"queue list", "queue streams", "dead list", "dead show 1", "dead retry 1", "dead discard 1", "dead retry --all",
        "dead discard --kind k", "dead export", "job result medium.default.01J9ZK3V8N4Q0X5T7R2M6B1C3D"}) {
    const Ended ended = leat(line);
    EXPECT_EQ(ended.code, 1) << line;
    EXPECT_EQ(ended.error, "leat: \"" + file + "\" does not exist: check the path, or store something there first\n");
    EXPECT_FALSE(std::filesystem::exists(file)) << line;
    EXPECT_FALSE(std::filesystem::exists(file + "-wake")) << line;
  }
  EXPECT_EQ(leat("enqueue k 1").code, 0);
  EXPECT_EQ(leat("queue list").code, 0);
  EXPECT_EQ(leat("dead show 99").error, "leat: there is no dead letter 99: see leat dead list\n");
  EXPECT_EQ(leat("dead show 99").code, 1);
}

TEST_F(CliTest, AFileThatIsNoDatabaseIsLeftAlone) {
  const std::string file = (directory.path() / "jobs.db").string();
  std::ofstream(file) << "Dear diary, today I gave the wrong file to a program.\n";
  for (const char* line : {"queue list", "enqueue k 1", "worker --exec k=true"}) {
    const Ended ended = leat(line);
    EXPECT_EQ(ended.code, 1) << line;
    EXPECT_EQ(ended.error, "leat: \"" + file +
                               "\" is no leat database, or damaged (file is not a database): restore it from a backup, "
                               "or open another file\n");
  }
  EXPECT_FALSE(std::filesystem::exists(file + "-wake"));
}

TEST_F(CliTest, ALockedFileIsReportedOnce) {
  ASSERT_EQ(leat("enqueue k 1").code, 0);
  const std::string file = (directory.path() / "jobs.db").string();
  sqlite3* holder = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &holder), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(holder, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const Ended ended = leat("enqueue k 1");
  sqlite3_close(holder);
  EXPECT_EQ(ended.code, 1);
  EXPECT_TRUE(ended.error.ends_with("\"" + file + "\" is locked by process " + std::to_string(getpid()) +
                                    " (scenario): let it finish, or end it, and try again\n"))
      << ended.error;
  EXPECT_EQ(std::count(ended.error.begin(), ended.error.end(), '\n'), 1) << ended.error;
}

TEST_F(CliTest, AServerThatIsNotThereIsAFailureAndNoUsage) {
  const Ended ended = leat("--url nats://127.0.0.1:1 queue list");
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.error.find("leat: no NATS server answers at 127.0.0.1:1"), std::string::npos) << ended.error;
}

TEST_F(CliTest, ErrorsAreJsonWhenAskedFor) {
  for (const char* line : {"--url foo:bar queue list --json", "enqeue --json"}) {
    const json error = json::parse(leat(line).error).at("error");
    EXPECT_EQ(error.at("code"), "invalid_argument");
    EXPECT_NE(error.at("message"), "");
  }
}

TEST_F(CliTest, LinesBecomeJobsAndRefusalsNameTheirLine) {
  const Ended ended = leat("enqueue k - --ids --queue lines", "1\n\n{bad\r\n\"last\"");
  EXPECT_EQ(ended.code, 1);
  constexpr std::size_t kIdLength = std::string_view("medium.lines.").size() + 26 + 1;
  ASSERT_EQ(ended.output.size(), 2 * kIdLength) << ended.output;
  EXPECT_EQ(ended.output.find("medium.lines."), 0U) << ended.output;
  EXPECT_EQ(ended.output.find("\nmedium.lines."), kIdLength - 1) << ended.output;
  EXPECT_EQ(ended.error.find("leat: line 3: payload is no JSON, at line 1, column 2: "), 0U) << ended.error;
  EXPECT_TRUE(ended.error.ends_with("accepted 2, refused 1\n")) << ended.error;

  std::string many;
  for (int i = 0; i < 2500; ++i) many += std::to_string(i) + "\n";
  EXPECT_EQ(leat("enqueue k - --queue lines --json", many).output, "{\"accepted\":2500,\"refused\":0}\n");
  const std::string listed = std::regex_replace(leat("queue list").output, std::regex(" [0-9]+s\n"), " 0s\n");
  EXPECT_EQ(listed,
            "QUEUE  PRIORITY  PENDING  RUNNING  RETRYING  SCHEDULED  DEAD  OLDEST  STATE\n"
            "lines  high            0        0         0          0     0\n"
            "       medium       2502        0         0          0     0      0s\n"
            "       low             0        0         0          0     0\n");
  EXPECT_EQ(leat("workers").output, "no workers in namespace leat\n");
  const std::string streams = std::regex_replace(leat("queue streams").output, std::regex(" +[0-9]{6} "), " BYTES ");
  EXPECT_NE(streams.find("leat_medium         2502 BYTES  2502     1/1  ok\n"), std::string::npos) << streams;
  const json facts = leat_json("queue streams");
  EXPECT_EQ(facts[1]["stream"], "leat_medium") << facts;
  EXPECT_EQ(facts[1]["messages"], 2502) << facts;
  EXPECT_EQ(facts[1]["replicas_current"], 1) << facts;
  EXPECT_EQ(leat("queue streams --namespace other").output, "no streams in namespace other\n");
}

TEST_F(CliTest, ASessionFromEnqueueToRetry) {
  const std::string good = leat_json("enqueue shout '\"hello\"' --priority high --result --header Trace-Id=7")["id"];
  const std::string bad = leat_json("enqueue die '{}' --result")["id"];
  ASSERT_EQ(leat("enqueue flaky '{}' --max-attempts 2").code, 0);
  ChildProcess worker({LEAT_BINARY, "--url", url, "--log-level", "off", "worker", "--concurrency", "1", "--retry-first",
                       "1ms", "--exec", "shout=tr a-z A-Z; echo \" $LEAT_HEADER_TRACE_ID\"", "--exec",
                       "die=echo bad input >&2; exit 65", "--exec", "flaky=echo try $LEAT_ATTEMPT >&2; exit 1"});
  EXPECT_EQ(leat("job result " + good + " --wait 30s").output, "\"HELLO\" 7\n");
  const Ended dead = leat("job result " + bad + " --wait 30s");
  EXPECT_EQ(dead.code, 1);
  EXPECT_NE(dead.error.find(bad + " is dead"), std::string::npos) << dead.error;
  EXPECT_TRUE(dead.error.ends_with("exit code 65: bad input\n")) << dead.error;
  ASSERT_TRUE(eventually_dead(2));
  EXPECT_EQ(leat("enqueue shout 1 --wait 30s").output, "1 \n");
  EXPECT_EQ(leat("enqueue die 1 --wait 30s").code, 1);
  ASSERT_TRUE(eventually_dead(3));
  worker.send_signal(SIGTERM);
  const int status = worker.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;

  const json letters = leat_json("dead list --kind flaky");
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0]["reason"], "attempts");
  EXPECT_EQ(letters[0]["attempts"], 2);
  EXPECT_EQ(letters[0]["error"], "exit code 1: try 2");
  const std::string number = std::to_string(letters[0]["number"].get<int>());
  EXPECT_NE(leat("dead show " + number).output.find("error:       exit code 1: try 2\n"), std::string::npos);
  EXPECT_EQ(leat("dead retry " + number).output, letters[0]["id"].get<std::string>() + "\n");
  EXPECT_EQ(leat("dead retry " + number).code, 1);
  EXPECT_EQ(leat_json("dead list").size(), 2U);
  EXPECT_EQ(leat_json("queue list")[0]["medium"]["pending"], 1);
}

TEST_F(CliTest, AQueueIsPausedResumedAndPurged) {
  ASSERT_EQ(leat("enqueue k 1 --queue images").code, 0);
  ASSERT_EQ(leat("enqueue k 1 --queue images --priority low").code, 0);
  EXPECT_EQ(leat("queue pause images").output, "images is paused\n");
  EXPECT_EQ(leat_json("queue list")[0]["paused"], true);
  EXPECT_NE(leat("queue list").output.find("paused"), std::string::npos);
  EXPECT_EQ(leat_json("queue resume images")["paused"], false);
  EXPECT_EQ(leat_json("queue list")[0]["paused"], false);
  EXPECT_EQ(leat_json("queue purge images --priority low")["removed"], 1);
  EXPECT_EQ(leat("queue purge images").output, "removed 1 job\n");
  EXPECT_EQ(leat("queue purge 'a b'").code, 2);
  ASSERT_EQ(leat("queue pause nobody_yet").code, 0);
  const json held = leat_json("queue list")[1];
  EXPECT_EQ(held["queue"], "nobody_yet");
  EXPECT_EQ(held["paused"], true);
  EXPECT_EQ(leat("queue pause").code, 2);
}

TEST_F(CliTest, AnErrorOfSeveralLinesIsIndented) {
  const std::string id = leat_json("enqueue die '{}' --result")["id"];
  ChildProcess worker({LEAT_BINARY, "--url", url, "--log-level", "off", "worker", "--exec",
                       "die=echo first >&2; echo second >&2; exit 65"});
  EXPECT_EQ(leat("job result " + id + " --wait 30s").error,
            "leat: job " + id + " is dead after 1 attempt: exit code 65: first\n  second\n");
  ASSERT_TRUE(eventually_dead(1));
  EXPECT_NE(leat("dead show 1").output.find("error:       exit code 65: first second\n"), std::string::npos);
  EXPECT_NE(leat("dead list").output.find("exit code 65: first second\n"), std::string::npos);
}

TEST_F(CliTest, DeadLettersAreImportedSelectedEditedAndExported) {
  std::string lines;
  for (int i = 1; i <= 6; ++i) {
    lines += DeadLine{.number = i,
                      .queue = i % 2 == 0 ? "mail" : "default",
                      .kind = i < 4 ? "send" : "resize",
                      .error = i == 3 ? "refused" : "no",
                      .died_at = real_clock().now() - std::chrono::hours(i)}
                 .str();
  }
  const Ended imported = leat("dead import -", lines + "{}\n" + lines);
  EXPECT_EQ(imported.code, 1);
  EXPECT_EQ(imported.output, "added 6, already there 6, failed 1\n");
  EXPECT_EQ(imported.error,
            "leat: line 7: version: is not 1: the line is no dead letter, or a newer leat has written it\n");
  EXPECT_EQ(leat_json("dead list --queue mail").size(), 3U);
  EXPECT_EQ(leat_json("dead list --older 3.5h --younger 5.5h").size(), 2U);
  EXPECT_EQ(leat_json("dead list --after 1 --up-to 4").size(), 3U);
  EXPECT_EQ(leat_json("dead list --error ref")[0]["payload"], "3");

  EXPECT_EQ(leat("dead retry --kind send --error ref --rate 100").output, "retried 1 dead letter\n");
  const Ended edited = leat("dead retry 1 --payload - --set-kind shout --set-header Trace=7", "hello");
  EXPECT_EQ(edited.output, "medium.default.K1\n") << edited.error;
  const Ended refused = leat("dead retry 2 --set-header Leat-Max-Attempts=no");
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.error, "leat: header Leat-Max-Attempts \"no\": write a whole number from 1 on\n");
  const std::pair<const char*, const char*> kept[] = {
      {"Leat-Kind", "a job has a kind; --set-kind gives it another\n"},
      {"leat-enqueued-at", "it belongs to leat or the broker, and stays\n"},
      {"Trase", "dead letter 2 has no such header: see leat dead show 2\n"}};
  for (const auto& [name, why] : kept) {
    const Ended ended = leat("dead retry 2 --drop-header " + std::string(name));
    EXPECT_EQ(ended.code, 2);
    EXPECT_EQ(ended.error, "leat: --drop-header " + std::string(name) + ": " + why);
  }
  const Ended exported = leat("dead export");
  EXPECT_EQ(std::count(exported.output.begin(), exported.output.end(), '\n'), 4);
  EXPECT_EQ(exported.error, "exported 4 dead letters\n");
  EXPECT_EQ(leat_json("dead discard --older 4.5h"), json::parse(R"({"discarded":2,"failed":0,"failures":[]})"));
  EXPECT_EQ(leat("--namespace other dead import -", exported.output).output, "added 4, already there 0, failed 0\n");
  EXPECT_EQ(leat("dead import -", exported.output).output, "added 2, already there 2, failed 0\n");
  EXPECT_EQ(leat("dead discard --all").output, "discarded 4 dead letters\n");

  ASSERT_EQ(leat("--namespace other dead retry --all").output, "retried 4 dead letters\n");
  ChildProcess worker({LEAT_BINARY, "--url", url, "--log-level", "off", "worker", "--exec",
                       "shout=cat; echo \" $LEAT_HEADER_TRACE $LEAT_JOB_ID\"", "--exec", "send=cat"});
  const SteadyTime until = real_clock().steady() + 30s;
  while (leat_json("queue list")[0]["medium"]["pending"] != 0 && real_clock().steady() < until) {
  }
  EXPECT_EQ(leat_json("queue list")[0]["medium"]["pending"], 0);
}

TEST_F(CliTest, ATakenKeyFailsARunAndIsNamed) {
  ASSERT_EQ(leat("dead import -", DeadLine{.number = 1}.str() + DeadLine{.number = 2}.str()).code, 0);
  const std::string text = leat("dead export").output;
  ASSERT_EQ(leat("dead retry --all").code, 0);
  ASSERT_EQ(leat("dead import -", text).output, "added 2, already there 0, failed 0\n");
  const Ended again = leat("dead retry --all");
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.output, "retried 0 dead letters, failed 2\n");
  EXPECT_NE(again.error.find("leat: dead letter 3: another job with the id medium.default.K1 is not done yet"),
            std::string::npos)
      << again.error;
}

// A directory of 300 files.
std::string make_files(const std::filesystem::path& parent) {
  const std::filesystem::path files = parent / "files";
  std::filesystem::create_directory(files);
  for (int i = 0; i < 300; ++i)
    std::ofstream(files / (std::to_string(i) + ".h")) << std::string(static_cast<std::size_t>(i) * 99, '\n');
  return files.string();
}

// The processes that another one has started, from lines such as "4711 (leat) S 4710 ...".
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const std::string facts = contents_of(entry.path() / "stat");
    const auto name_end = facts.rfind(')');
    if (name_end == facts.npos) continue;
    std::istringstream words(facts.substr(name_end + 1));
    std::string state;
    pid_t started_by = 0;
    words >> state >> started_by;
    if (started_by == parent) children.push_back(std::stoi(entry.path().filename().string()));
  }
  return children;
}

TEST_F(CliTest, TheDemoEndsWhenNoWorkerIsLeft) {
  const std::string command = "echo $$; exec " LEAT_BINARY " demo " + make_files(directory.path()) + " 2>&1";
  ChildProcess demo({"/bin/sh", "-c", command});
  const pid_t pid = std::stoi(demo.read_line().value());
  std::string message;
  // The demo itself gives up after 60 s without any progress.
  for (const SteadyTime until = real_clock().steady() + 30s; message.empty() && real_clock().steady() < until;) {
    for (const pid_t worker : children_of(pid)) kill(worker, SIGKILL);
    const std::string line = demo.read_line(10ms).value_or("");
    if (line.find("leat: ") != line.npos) message = line;
  }
  EXPECT_NE(message.find("leat: no worker is left for "), std::string::npos) << message;
  EXPECT_NE(message.find("worker-3: killed by signal 9 (Killed)"), std::string::npos) << message;
  const int status = demo.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
}

TEST_F(CliTest, TheDemoChecksItself) {
  const Ended ended = leat("demo " + make_files(directory.path()) + " --json");
  ASSERT_TRUE(json::accept(ended.output)) << "exit code " << ended.code << ": " << ended.error;
  const json report = json::parse(ended.output);
  EXPECT_EQ(report["ok"], true) << report.dump(1) << ended.error;
  EXPECT_EQ(report["jobs"], 305);
  EXPECT_EQ(report["checks"].size(), 6U);
}

}  // namespace
}  // namespace leat::test
