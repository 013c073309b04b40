// Real NATS servers for tests: on 127.0.0.1, with storage in a temporary directory, gone with the test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace leat::test {

struct NatsBinary {
  std::string version;  // "2.9.10"
  std::string path;
};

// The servers at hand, oldest first: the machine's own, and those in the directory that LEAT_NATS_SERVERS names
// (default build/nats-servers, where tools/fetch_nats_servers.sh puts them; one folder per version).
std::vector<NatsBinary> nats_server_binaries();

// The one with this version; throws std::runtime_error when it is not at hand.
NatsBinary nats_server_binary(const std::string& version);

struct NatsServerOptions {
  NatsBinary binary{};  // the first one at hand unless given
  enum class JetStream { kOn, kOff } jetstream = JetStream::kOn;
  // Appended to the configuration file. `$DIR` in it is the server's directory.
  std::string config{};
  std::uint16_t port = 0;  // a free one unless given
};

// Not thread-safe. The destructor kills the process by its id; it dies with the test program too.
class NatsServer {
 public:
  enum class Shutdown { kTerminate, kKill };

  // Starts it and waits until it greets. Throws std::runtime_error with the end of its log.
  explicit NatsServer(NatsServerOptions options = {});
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  const std::string& version() const { return options_.binary.version; }
  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  const std::filesystem::path& directory() const { return directory_.path(); }
  bool running() const { return pid_ > 0; }

  // Ends the process and waits until it is gone.
  void stop(Shutdown how);
  // Starts it again: same port, same storage.
  void start();
  // Stops the process where it is (waits until it stands still), and lets it go on.
  void freeze();
  void thaw();
  // Another configuration in place of that of the options, without a restart.
  void reload(const std::string& config);

 private:
  void launch();
  std::filesystem::path write_config() const;
  bool wait_until_ready();
  std::string log_tail() const;

  NatsServerOptions options_;
  TemporaryDirectory directory_;
  std::uint16_t port_;
  pid_t pid_ = -1;
};

// Three servers that are one cluster with JetStream. Not thread-safe.
class NatsCluster {
 public:
  // Waits until the three have chosen a leader. Throws std::runtime_error.
  explicit NatsCluster(const NatsBinary& binary);

  std::vector<std::string> addresses() const;
  NatsServer& server(std::size_t index) { return *servers_.at(index); }
  // The one that leads the stream now.
  NatsServer& leader_of(const std::string& stream);
  // Waits until the cluster answers API requests again.
  void wait_for_leader();

 private:
  std::vector<std::unique_ptr<NatsServer>> servers_;
};

// A port on 127.0.0.1 that nobody listens on now.
std::uint16_t free_port();

}  // namespace leat::test
