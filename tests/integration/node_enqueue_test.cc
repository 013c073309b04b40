// Jobs from another language: examples/node_enqueue knows the wire format and nothing of leat's code.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/mutex.h"
#include "leat/jetstream_broker.h"
#include "leat/leat.h"
#include "tests/support/comes_true.h"
#include "tests/support/nats_server.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr const char* kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string contents_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The example, copied, with its packages installed as its lock file says.
class NodeExample {
 public:
  NodeExample() {
    for (const char* name : {"package.json", "package-lock.json", "enqueue.mjs"})
      std::filesystem::copy_file(std::filesystem::path(LEAT_NODE_EXAMPLE) / name, directory_.path() / name);
    // A registry that cannot be reached is a failure within two minutes.
    installed_ =
        run("timeout -k 5 120 npm ci --no-audit --no-fund --ignore-scripts --fetch-retries=1 "
            "--fetch-timeout=30000");
  }

  bool installed() const { return installed_; }
  // What the last command printed.
  std::string output() const { return contents_of(directory_.path() / "out"); }
  std::string error() const { return contents_of(directory_.path() / "err"); }

  // Empty when it failed.
  json enqueue(const NatsServer& server, const std::string& arguments) const {
    if (!run("NATS_URL=" + server.address() + " TRACEPARENT=" + kTrace + " timeout -k 5 30 node enqueue.mjs " +
             arguments))
      return {};
    return json::parse(output());
  }

 private:
  bool run(const std::string& command) const {
    const std::string all = "cd '" + directory_.path().string() + "' && " + command + " >out 2>err </dev/null";
    const int status = std::system(all.c_str());
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  TemporaryDirectory directory_;
  bool installed_ = false;
};

struct Seen {
  std::string payload;
  std::string traceparent;
  unsigned attempt = 0;
};

// What a worker's handler gets of the jobs that are there, by id.
std::map<std::string, Seen> handle_all(Broker& broker, std::size_t count) {
  Mutex mutex;
  CondVar changed;
  std::map<std::string, Seen> seen;
  Worker worker(broker, {.queues = {"default", "mail"}, .concurrency = 1});
  worker.handle("send_email", [&](JobContext& job) {
    MutexLock lock(mutex);
    seen[job.id().str()] = {std::string(job.payload()), std::string(job.headers().get("traceparent").value_or("")),
                            job.attempt()};
    changed.notify_all();
    return Outcome::done();
  });
  EXPECT_TRUE(worker.start());
  {
    MutexLock lock(mutex);
    wait_until(real_clock(), changed, mutex, real_clock().steady() + 30s, {}, [&] { return seen.size() >= count; });
  }
  worker.stop();
  return seen;
}

TEST(NodeEnqueueTest, JobsFromNodeRun) {
  const NodeExample node;
  ASSERT_TRUE(node.installed()) << "npm ci has failed: it needs nodejs, npm (tools/install_packages.sh test) and the "
                                   "registry that npm is configured for\n"
                                << node.output() << node.error();
  NatsServer server;
  const auto broker = open_jetstream_broker({.servers = {server.address()}}).value();
  const std::string first =
      Queue(*broker).push(EncodedJob{"send_email", "from C++"}).value().str();  // makes the streams

  const json plain = node.enqueue(server, R"(send_email '{"to":"Ada \u00e9"}')");
  ASSERT_TRUE(plain.is_object()) << node.error();
  const json keyed = node.enqueue(server, "--queue mail --priority high --key 01J9ZK3V5T0000000000000000 send_email 1");
  ASSERT_TRUE(keyed.is_object()) << node.error();
  EXPECT_EQ(keyed["id"], "high.mail.01J9ZK3V5T0000000000000000");
  EXPECT_EQ(keyed["duplicate"], false);
  const json again = node.enqueue(server, "--queue mail --priority high --key 01J9ZK3V5T0000000000000000 send_email 1");
  EXPECT_EQ(again.value("duplicate", false), true) << node.error();
  const json bulk = node.enqueue(server, "--bulk send_email '\"many\"'");
  ASSERT_TRUE(bulk.is_object()) << node.error();

  const std::map<std::string, Seen> seen = handle_all(*broker, 4);
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_TRUE(seen.contains(first));
  const std::vector<std::pair<json, const char*>> expected{
      {plain, R"({"to":"Ada \u00e9"})"}, {keyed, "1"}, {bulk, "\"many\""}};
  for (const auto& [job, payload] : expected) {
    const auto found = seen.find(job["id"].get<std::string>());
    ASSERT_NE(found, seen.end()) << job;
    EXPECT_EQ(found->second.payload, payload);
    EXPECT_EQ(found->second.traceparent, kTrace);
    EXPECT_EQ(found->second.attempt, 1U);
    EXPECT_EQ(job["traceparent"], kTrace);
  }
  for (const Priority priority : kPriorities) {
    const std::string stream = "leat_" + std::string(to_string(priority));
    EXPECT_TRUE(comes_true([&] { return broker->admin().stream(stream)->messages == 0; })) << stream;
  }
}

TEST(NodeEnqueueTest, WithoutStreamsItSaysSo) {
  const NodeExample node;
  ASSERT_TRUE(node.installed()) << node.output() << node.error();
  NatsServer server;
  EXPECT_TRUE(node.enqueue(server, "send_email 1").is_null());
  EXPECT_NE(node.error().find("enqueue: "), std::string::npos) << node.error();
}

}  // namespace
}  // namespace leat::test
