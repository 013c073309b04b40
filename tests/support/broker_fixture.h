// The brokers that a test can run on, each with storage of its own that goes when the test ends.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "leat/broker.h"
#include "leat/testing.h"

namespace leat::test {

// Not thread-safe. Must outlive the brokers that it opened.
class BrokerFixture {
 public:
  enum class Shutdown { kTerminate, kKill };

  virtual ~BrokerFixture() = default;

  // A broker on the fixture's storage. Each call acts as another process does: a connection or a file handle of its
  // own. Memory has no such thing, and gives the same object again. Throws leat::Error.
  virtual std::shared_ptr<Broker> open() = 0;

  // The clock that the broker follows; null when it follows the machine's.
  virtual ManualClock* manual_clock() { return nullptr; }
  // A manual clock moves on: 5 ms at most, and no more than twice as fast as the machine's, however many threads wait
  // in this way. Thread-safe.
  void let_time_pass();

  // Where another process opens the same storage, for open_address(); empty when none can.
  virtual std::string address() const { return {}; }

  // True for a broker behind a server that can be stopped and started under its clients.
  virtual bool has_server() const { return false; }
  // Both wait until it is done: for a server that answers, or for one that is gone.
  virtual void stop_server(Shutdown /*how*/) {}
  virtual void start_server() {}

 private:
  std::atomic<SteadyTime> moved_at_{SteadyTime{}};  // by the machine's clock
};

// The names of all brokers at hand: "memory", "memory_decorated", "sqlite", "jetstream_2_9_10", ...
std::vector<std::string> broker_kinds();
std::unique_ptr<BrokerFixture> make_broker_fixture(const std::string& kind);

// Opens what a fixture of another process has as its address. Throws leat::Error.
std::shared_ptr<Broker> open_address(const std::string& address);

}  // namespace leat::test
