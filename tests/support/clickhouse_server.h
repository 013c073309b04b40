// Real ClickHouse servers for tests: on 127.0.0.1, with storage in a temporary directory, gone with the test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace leat::test {

enum class ClickHouseKind {
  kDebian,  // clickhouse-server 18.16: the wire, without tokens and most of the newer types
  kFront,   // today's engine (libchdb) behind tests/support/chdb_front: HTTP as a server speaks it
};

// Why a test on it has to be skipped; empty when it is at hand.
std::string why_not(ClickHouseKind kind);

// Not thread-safe. The destructor kills the process by its id; it dies with the test program too.
class ClickHouseServer {
 public:
  enum class Shutdown { kTerminate, kKill };

  // Starts it and waits until it answers. Throws std::runtime_error with the end of its log.
  explicit ClickHouseServer(ClickHouseKind kind);
  ~ClickHouseServer();
  ClickHouseServer(const ClickHouseServer&) = delete;
  ClickHouseServer& operator=(const ClickHouseServer&) = delete;

  // "clickhouse://127.0.0.1:40000"; user `ada` with password `se:cr@t` may log in too, beside the default.
  std::string url(const std::string& parameters = "") const;
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Ends the process and waits until it is gone.
  void stop(Shutdown how);
  // Starts it again: same port, same storage.
  void start();

 private:
  std::vector<std::string> command() const;
  void write_config() const;
  bool launch_and_wait();
  std::string log_tail() const;

  const ClickHouseKind kind_;
  TemporaryDirectory directory_;
  std::uint16_t port_ = 0;
  std::uint16_t tcp_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace leat::test
