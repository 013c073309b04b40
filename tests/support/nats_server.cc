#include "tests/support/nats_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>

#include "broker/jetstream/api.h"
#include "core/mutex.h"
#include "core/text.h"
#include "core/thread.h"
#include "nats/connection.h"
#include "nats/server_greeting.h"
#include "tests/support/process_launcher.h"

namespace leat::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kReady{20};
constexpr seconds kLeader{60};

// Each test is a process of its own, so this is asked thousands of times: the fetched ones lie in folders that say it.
std::string version_of(const std::filesystem::path& binary) {
  const std::string folder = binary.parent_path().filename();
  if (folder.find_first_not_of("0123456789.") == folder.npos) return folder;
  const std::string command = "'" + binary.string() + "' --version 2>/dev/null";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  char line[256] = {};
  const bool read = std::fgets(line, sizeof(line), pipe) != nullptr;
  pclose(pipe);
  std::string_view text(line);
  const std::size_t at = text.find(": v");
  if (!read || at == text.npos) return {};
  text.remove_prefix(at + 3);
  return std::string(text.substr(0, text.find_first_not_of("0123456789.")));
}

// Numbers in place of digits: 2.10 is behind 2.9.
std::vector<std::uint64_t> version_key(const std::string& version) {
  std::vector<std::uint64_t> key;
  std::stringstream stream(version);
  for (std::string part; std::getline(stream, part, '.');) key.push_back(parse_number(part).value_or(0));
  return key;
}

// Under the paths that they have without symbolic links, each once.
std::set<std::filesystem::path> candidate_binaries() {
  std::vector<std::filesystem::path> folders{"/usr/sbin"};
  const char* path = std::getenv("PATH");
  std::stringstream list(path == nullptr ? "" : path);
  for (std::string folder; std::getline(list, folder, ':');) folders.emplace_back(folder);
  const char* given = std::getenv("LEAT_NATS_SERVERS");
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(given != nullptr ? given : LEAT_NATS_SERVERS_FOLDER, ignored)) {
    folders.push_back(entry.path());
  }
  std::set<std::filesystem::path> binaries;
  for (const auto& folder : folders) {
    const auto binary = std::filesystem::canonical(folder / "nats-server", ignored);
    if (!ignored && access(binary.c_str(), X_OK) == 0) binaries.insert(binary);
  }
  return binaries;
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

std::vector<NatsBinary> nats_server_binaries() {
  static const std::vector<NatsBinary> binaries = [] {
    std::map<std::string, std::string> found;
    for (const auto& path : candidate_binaries()) {
      if (const std::string version = version_of(path); !version.empty()) found.emplace(version, path.string());
    }
    std::vector<NatsBinary> list;
    for (const auto& [version, path] : found) list.push_back({version, path});
    std::sort(list.begin(), list.end(),
              [](const NatsBinary& a, const NatsBinary& b) { return version_key(a.version) < version_key(b.version); });
    return list;
  }();
  return binaries;
}

NatsBinary nats_server_binary(const std::string& version) {
  for (const NatsBinary& binary : nats_server_binaries()) {
    if (binary.version == version) return binary;
  }
  throw std::runtime_error("nats-server " + version + " is not at hand");
}

// Below those that the kernel gives to clients: while a server is stopped one of them would get its port, even the one
// that tries to reach it, which is then connected to itself.
std::uint16_t free_port() {
  constexpr int kTries = 1000;
  thread_local std::mt19937 random{std::random_device{}()};
  for (int i = 0; i < kTries; ++i) {
    const auto port = static_cast<std::uint16_t>(std::uniform_int_distribution(10'000, 32'000)(random));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(fd);
    if (is_free) return port;
  }
  throw std::runtime_error("no free port");
}

NatsServer::NatsServer(NatsServerOptions options) : options_(std::move(options)), port_(options_.port) {
  if (options_.binary.path.empty()) {
    const auto binaries = nats_server_binaries();
    if (binaries.empty()) throw std::runtime_error("no nats-server is installed: apt-get install nats-server");
    options_.binary = binaries.front();
  }
  // Somebody else may take a free port before the server does.
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    if (options_.port == 0) port_ = free_port();
    launch();
    if (wait_until_ready()) return;
    stop(Shutdown::kKill);
  }
  throw std::runtime_error("nats-server does not start: " + log_tail());
}

NatsServer::~NatsServer() {
  stop(Shutdown::kKill);
}

std::filesystem::path NatsServer::write_config() const {
  std::string config = "listen: \"" + address() + "\"\n";
  if (options_.jetstream == NatsServerOptions::JetStream::kOn) {
    config += "jetstream { store_dir: \"$DIR/store\" }\n";
  }
  config += options_.config + "\n";
  replace_all(config, "$DIR", directory_.path().string());
  const std::filesystem::path file = directory_.path() / "server.conf";
  std::ofstream(file) << config;
  return file;
}

void NatsServer::launch() {
  const std::string log = (directory_.path() / "server.log").string();
  pid_ = test::launch({options_.binary.path, "-c", write_config().string()}, log);
}

void NatsServer::reload(const std::string& config) {
  options_.config = config;
  write_config();
  kill(pid_, SIGHUP);
}

bool NatsServer::wait_until_ready() {
  const SteadyTime deadline = deadline_after(real_clock(), kReady);
  while (real_clock().steady() < deadline) {
    if (nats::read_greeting(address(), milliseconds(500))) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    sleep_for(real_clock(), milliseconds(10), {});
  }
  return false;
}

std::string NatsServer::log_tail() const {
  std::ifstream file(directory_.path() / "server.log");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

void NatsServer::stop(Shutdown how) {
  if (pid_ <= 0) return;
  end_process(pid_, how == Shutdown::kKill ? SIGKILL : SIGTERM);
  pid_ = -1;
}

void NatsServer::start() {
  if (pid_ > 0) return;
  launch();
  if (!wait_until_ready()) throw std::runtime_error("nats-server does not start again: " + log_tail());
}

void NatsServer::freeze() {
  kill(pid_, SIGSTOP);
  int status = 0;
  while (waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
  }
}
void NatsServer::thaw() {
  kill(pid_, SIGCONT);
}

NatsCluster::NatsCluster(const NatsBinary& binary) {
  constexpr std::size_t kServers = 3;
  std::vector<std::uint16_t> ports;
  std::string routes;
  for (std::size_t i = 0; i < kServers; ++i) {
    ports.push_back(free_port());
    routes += (routes.empty() ? "\"" : ", \"") + ("nats://127.0.0.1:" + std::to_string(ports.back())) + "\"";
  }
  for (std::size_t i = 0; i < kServers; ++i) {
    NatsServerOptions options{.binary = binary};
    options.config = "server_name: n" + std::to_string(i) +
                     "\ncluster { name: c, listen: \"127.0.0.1:" + std::to_string(ports[i]) + "\", routes: [" + routes +
                     "] }";
    servers_.push_back(std::make_unique<NatsServer>(std::move(options)));
  }
  wait_for_leader();
}

std::vector<std::string> NatsCluster::addresses() const {
  std::vector<std::string> addresses;
  for (const auto& each : servers_) addresses.push_back(each->address());
  return addresses;
}

NatsServer& NatsCluster::leader_of(const std::string& stream) {
  const auto connection = nats::Connection::open({.servers = addresses()}).value();
  const auto answer = connection->request("$JS.API.STREAM.INFO." + stream, {}, seconds(5)).value();
  const auto info = jetstream::parse_api_answer(answer.data()).value();
  const std::string name = jetstream::text_at(jetstream::object_at(info.body, "cluster"), "leader");
  return server(static_cast<std::size_t>(name.at(1) - '0'));
}

void NatsCluster::wait_for_leader() {
  const SteadyTime deadline = deadline_after(real_clock(), kLeader);
  while (real_clock().steady() < deadline) {
    auto connection = nats::Connection::open({.servers = addresses()});
    if (connection) {
      // A leader that does not know its followers yet cannot place three replicas.
      constexpr std::string_view kProbe = R"({"name":"probe","subjects":["probe"],"num_replicas":3})";
      auto answer = (*connection)->request("$JS.API.STREAM.CREATE.probe", kProbe, seconds(2));
      const auto parsed =
          answer ? jetstream::parse_api_answer(answer->data()) : Result<jetstream::ApiAnswer>(answer.error());
      if (parsed && parsed->error == 0) {
        (void)(*connection)->request("$JS.API.STREAM.DELETE.probe", {}, seconds(5));
        return;
      }
    }
    sleep_for(real_clock(), milliseconds(50), {});
  }
  throw std::runtime_error("the NATS cluster has no leader");
}

}  // namespace leat::test
