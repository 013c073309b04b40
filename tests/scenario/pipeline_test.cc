// `leat pipeline`, the program itself: from a file of SQLite into a real ClickHouse.
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "http/http_client.h"
#include "leat/clickhouse.h"
#include "leat/open.h"
#include "tests/support/child_process.h"
#include "tests/support/clickhouse_server.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

class PipelineCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_not(ClickHouseKind::kDebian); !why.empty()) GTEST_SKIP() << why;
    server_.emplace(ClickHouseKind::kDebian);
    std::filesystem::create_directory(directory_.path() / "sql");
    write("sql/1_create.sql",
          "-- +goose Up\nCREATE TABLE t (id UInt64, room String) ENGINE = MergeTree ORDER BY id;\n");
    write("p.toml",
          "url = \"sqlite:" + path("events.db") +
              "\"\nname = \"rooms\"\nstream = { name = \"events\", subjects = [\"events.>\"] }\n" +
              "[clickhouse]\nurl = \"" + server_->url() + "\"\ntable = \"t\"\nmigrations = \"" + path("sql") + "\"\n" +
              "[mapping]\ncolumns = { id = \"$sequence\" }\nothers = \"by_name\"\n[batch]\nmax_wait = \"50ms\"\n");
  }
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  // `variables` as a shell writes them in front of a command.
  ChildProcess leat(const std::string& line, const std::string& variables = "") const {
    return ChildProcess({"/bin/sh", "-c", variables + " exec " LEAT_BINARY " pipeline " + line + " 2>&1"});
  }
  static bool appears(ChildProcess& process, const std::string& text) {
    while (const auto line = process.read_line(60s)) {
      if (line->find(text) != line->npos) return true;
    }
    return false;
  }
  // What stands behind `sign` in the first line that has it.
  static std::string told_behind(ChildProcess& process, const std::string& sign) {
    while (const auto line = process.read_line(60s)) {
      if (const auto at = line->find(sign); at != line->npos) return line->substr(at + sign.size());
    }
    return "nothing is told behind " + sign;
  }
  // 0 when nobody answers.
  static int status(const std::string& url) {
    HttpClient client;
    const auto answer = client.send({.method = HttpRequest::Method::kGet, .url = url, .timeout = 5s});
    return answer && *answer ? (*answer)->status : 0;
  }
  static bool becomes(const std::string& url, int wanted) {
    const SteadyTime until = real_clock().steady() + 60s;
    while (status(url) != wanted) {
      if (real_clock().steady() > until) return false;
    }
    return true;
  }
  // The table's rows when they are these, or a minute later.
  std::string rows_once(const std::string& wanted) const {
    const auto engine = open_clickhouse(server_->url()).value();
    const SteadyTime until = real_clock().steady() + 60s;
    std::string rows;
    while (rows != wanted && real_clock().steady() < until) {
      const auto read = engine->query("SELECT * FROM t ORDER BY id, room");
      rows = read ? *read : read.error().message();  // the table may not be there yet
    }
    return rows;
  }
  static void append(Broker& broker, const std::string& subject, const std::string& payload) {
    const AppendRequest request{.message = {subject, {}, payload}};
    broker.append("events", {&request, 1}).at(0).value();
  }
  static int code_of(ChildProcess& process) {
    const int status = process.wait();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  TemporaryDirectory directory_;
  std::optional<ClickHouseServer> server_;
};

TEST_F(PipelineCommandTest, RunsInPhasesUntilASignal) {
  auto run = leat("run " + path("p.toml"));
  for (const char* phase : {"clickhouse", "migrations", "broker", "mapping", "pipeline"}) {
    EXPECT_TRUE(appears(run, "name=" + std::string(phase))) << phase;
  }
  const auto broker = open_broker("sqlite:" + path("events.db")).value();
  append(*broker, "events.a", R"({"room":"attic"})");
  append(*broker, "events.b", "no json");
  append(*broker, "events.c", R"({"room":"cellar"})");
  EXPECT_EQ(rows_once("1\tattic\n3\tcellar\n"), "1\tattic\n3\tcellar\n");
  run.send_signal(SIGTERM);
  EXPECT_TRUE(appears(run, "name=shutdown"));
  EXPECT_EQ(code_of(run), 0);
}

TEST_F(PipelineCommandTest, OptionsOfTheCommandLineWinOverItsFile) {
  const std::string url = "sqlite:" + path("other.db");
  auto check = leat("check --namespace shop " + path("p.toml") + " --url " + url, "LEAT_URL=sqlite:third.db");
  EXPECT_TRUE(appears(check, "dead_letters.stream = \"shop_pipelines_dlq\""));
  EXPECT_EQ(code_of(check), 0);
  auto run = leat("run --namespace shop " + path("p.toml") + " --url " + url, "LEAT_URL=sqlite:third.db");
  EXPECT_TRUE(appears(run, "leads role=rooms.owner"));
  run.send_signal(SIGTERM);
  EXPECT_EQ(code_of(run), 0);
  EXPECT_FALSE(std::filesystem::exists(path("events.db")));
  EXPECT_TRUE(open_broker(url).value()->admin().stream("shop_pipelines_dlq"));
}

TEST_F(PipelineCommandTest, AStreamThatWasMadeAgainIsReadWhenThatIsSaid) {
  const auto broker = open_broker("sqlite:" + path("events.db")).value();
  const StreamConfig stream{.name = "events", .subjects = {"events.>"}};
  broker->ensure_stream(stream).value();
  append(*broker, "events.a", R"({"room":"attic"})");
  auto first = leat("run " + path("p.toml"));
  EXPECT_EQ(rows_once("1\tattic\n"), "1\tattic\n");
  first.send_signal(SIGTERM);
  EXPECT_EQ(code_of(first), 0);
  broker->admin().delete_stream("events").value();
  broker->ensure_stream(stream).value();
  append(*broker, "events.a", R"({"room":"cellar"})");
  auto refused = leat("run " + path("p.toml"));
  EXPECT_TRUE(appears(refused, "leat pipeline: LEAT_PIPELINE_STREAM_NEW=from_its_beginning"));
  EXPECT_EQ(code_of(refused), 1);
  auto again = leat("run " + path("p.toml"), "LEAT_PIPELINE_STREAM_NEW=from_its_beginning");
  EXPECT_EQ(rows_once("1\tattic\n1\tcellar\n"), "1\tattic\n1\tcellar\n");
  again.send_signal(SIGTERM);
  EXPECT_EQ(code_of(again), 0);
}

TEST_F(PipelineCommandTest, ReadsProtobufFromANatsServerByADescriptorSet) {
  google::protobuf::FileDescriptorSet set;
  auto* types = set.add_file();
  types->set_name("house.proto");
  types->set_package("house");
  types->set_syntax("proto3");
  auto* reading = types->add_message_type();
  reading->set_name("Reading");
  auto* field = reading->add_field();
  field->set_name("room");
  field->set_number(1);
  field->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
  write("house.desc", set.SerializeAsString());
  const NatsServer nats;
  const std::string url = "nats://" + nats.address();
  auto run = leat("run --url " + url + " " + path("p.toml"),
                  "LEAT_PIPELINE_MAPPING_KIND=protobuf LEAT_PIPELINE_MAPPING_MESSAGE=house.Reading "
                  "LEAT_PIPELINE_MAPPING_DESCRIPTOR_SET=" +
                      path("house.desc"));
  EXPECT_TRUE(appears(run, "leads role=rooms.owner"));
  const auto broker = open_broker(url).value();
  append(*broker, "events.a",
         "\x0a\x05"
         "attic");
  append(*broker, "events.b",
         "\x0a\x06"
         "cellar");
  append(*broker, "events.c", "no protobuf");
  EXPECT_EQ(rows_once("1\tattic\n2\tcellar\n"), "1\tattic\n2\tcellar\n");
  EXPECT_TRUE(appears(run, "messages became dead letters pipeline=rooms dead_letters=1 stream=leat_pipelines_dlq"));
  EXPECT_EQ(broker->admin().stream("leat_pipelines_dlq")->messages, 1U);
  run.send_signal(SIGTERM);
  EXPECT_EQ(code_of(run), 0);
}

TEST_F(PipelineCommandTest, IsReadyWhileItsServerAnswers) {
  NatsServer nats;
  auto run = leat("run --url nats://" + nats.address() + " " + path("p.toml"), "LEAT_PIPELINE_HEALTH=127.0.0.1:0");
  const std::string probes = "http://" + told_behind(run, "health is answered address=");
  EXPECT_TRUE(becomes(probes + "/ready", 200));
  EXPECT_EQ(status(probes + "/live"), 200);
  nats.stop(NatsServer::Shutdown::kTerminate);
  EXPECT_TRUE(becomes(probes + "/ready", 503));
  EXPECT_EQ(status(probes + "/live"), 200);
  nats.start();
  EXPECT_TRUE(becomes(probes + "/ready", 200));
  run.send_signal(SIGTERM);
  EXPECT_EQ(code_of(run), 0);
}

TEST_F(PipelineCommandTest, IsNotReadyWithoutItsStream) {
  auto run = leat("run " + path("p.toml"), "LEAT_PIPELINE_STREAM_SUBJECTS= LEAT_PIPELINE_HEALTH=127.0.0.1:0");
  EXPECT_TRUE(appears(run, "phase name=pipeline"));
  std::string told;
  while (const auto line = run.read_line(60s)) told += *line + "\n";
  EXPECT_NE(told.find("there is no stream \"events\" on this broker"), told.npos) << told;
  EXPECT_EQ(told.find("process ready"), told.npos) << told;
  EXPECT_EQ(code_of(run), 1);
}

TEST_F(PipelineCommandTest, ShowsItsConfigurationAndRefusesWrongOnes) {
  auto check = leat("check " + path("p.toml"));
  EXPECT_TRUE(appears(check, "mapping.columns = { \"id\" = \"$sequence\" }"));
  EXPECT_EQ(code_of(check), 0);
  write("wrong.toml", "nme = \"x\"\n");
  auto refused = leat("run " + path("wrong.toml"));
  EXPECT_TRUE(appears(refused, "wrong.toml:1:1: there is no key nme: did you mean name?"));
  EXPECT_EQ(code_of(refused), 2);
  for (const auto& [file, why] :
       {std::pair(path("nowhere.toml"), "No such file or directory"), {directory_.path().string(), "Is a directory"}}) {
    auto unreadable = leat("run " + file);
    EXPECT_TRUE(appears(unreadable, file + ": " + why)) << file;
    EXPECT_EQ(code_of(unreadable), 1);
  }
  auto without_table =
      leat("run " + path("p.toml"), "LEAT_PIPELINE_CLICKHOUSE_MIGRATIONS= LEAT_PIPELINE_BATCH_MAXROWS=1");
  EXPECT_TRUE(appears(without_table,
                      "there is no such variable variable=LEAT_PIPELINE_BATCH_MAXROWS nearest="
                      "LEAT_PIPELINE_BATCH_MAX_ROWS"));
  EXPECT_TRUE(appears(without_table, "make it, or name a directory of SQL files that do: clickhouse.migrations"));
  EXPECT_EQ(code_of(without_table), 1);
}

}  // namespace
}  // namespace leat::test
