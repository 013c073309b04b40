#include "tests/support/broker_fixture.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "broker/fault_broker.h"
#include "broker/instrumented_broker.h"
#include "leat/jetstream_broker.h"
#include "leat/memory_broker.h"
#include "leat/sqlite_broker.h"
#include "tests/support/nats_server.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

class MemoryFixture : public BrokerFixture {
 public:
  std::shared_ptr<Broker> open() override { return broker_; }
  ManualClock* manual_clock() override { return &clock_; }

 private:
  ManualClock clock_;
  std::shared_ptr<Broker> broker_ = open_memory_broker({.clock = &clock_});
};

// Both decorators around memory: what goes through them must not change.
class DecoratedFixture : public BrokerFixture {
 public:
  DecoratedFixture() {
    for (std::size_t i = 0; i < kOperations; ++i) {
      faults_.before(static_cast<Operation>(i), [](const Call&) { return Fault::none(); });
    }
    auto instrumented = make_instrumented_broker(open_memory_broker({.clock = &clock_}), metrics_);
    broker_ = make_fault_broker(std::move(instrumented), faults_);
  }

  std::shared_ptr<Broker> open() override { return broker_; }
  ManualClock* manual_clock() override { return &clock_; }

 private:
  ManualClock clock_;
  Metrics metrics_;
  Faults faults_;
  std::shared_ptr<Broker> broker_;
};

class SqliteFixture : public BrokerFixture {
 public:
  std::shared_ptr<Broker> open() override { return open_address(address()); }
  std::string address() const override { return "sqlite:" + (directory_.path() / "test.db").string(); }

 private:
  TemporaryDirectory directory_;
};

class JetStreamFixture : public BrokerFixture {
 public:
  explicit JetStreamFixture(const NatsBinary& binary) : server_({.binary = binary}) {}

  std::shared_ptr<Broker> open() override { return open_address(address()); }
  std::string address() const override { return "nats://" + server_.address(); }
  bool has_server() const override { return true; }
  void stop_server(Shutdown how) override {
    server_.stop(how == Shutdown::kKill ? NatsServer::Shutdown::kKill : NatsServer::Shutdown::kTerminate);
  }
  void start_server() override { server_.start(); }

 private:
  NatsServer server_;
};

std::string kind_of(const NatsBinary& binary) {
  std::string kind = "jetstream_" + binary.version;
  for (char& c : kind) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';  // what a test may be called
  }
  return kind;
}

}  // namespace

void BrokerFixture::let_time_pass() {
  constexpr Duration kMost = std::chrono::milliseconds(5);
  if (manual_clock() == nullptr) return;
  const SteadyTime now = real_clock().steady();
  manual_clock()->advance(std::clamp<Duration>(2 * (now - moved_at_.exchange(now)), Duration{0}, kMost));
}

std::vector<std::string> broker_kinds() {
  std::vector<std::string> kinds{"memory", "memory_decorated", "sqlite"};
  for (const NatsBinary& binary : nats_server_binaries()) kinds.push_back(kind_of(binary));
  return kinds;
}

std::unique_ptr<BrokerFixture> make_broker_fixture(const std::string& kind) {
  if (kind == "memory") return std::make_unique<MemoryFixture>();
  if (kind == "memory_decorated") return std::make_unique<DecoratedFixture>();
  if (kind == "sqlite") return std::make_unique<SqliteFixture>();
  for (const NatsBinary& binary : nats_server_binaries()) {
    if (kind == kind_of(binary)) return std::make_unique<JetStreamFixture>(binary);
  }
  throw std::runtime_error("no broker is called " + kind);
}

std::shared_ptr<Broker> open_address(const std::string& address) {
  if (address.starts_with("sqlite:")) return open_sqlite_broker(address.substr(7)).value();
  if (address.starts_with("nats://")) return open_jetstream_broker({.servers = {address.substr(7)}}).value();
  throw std::runtime_error("no broker is at " + address);
}

}  // namespace leat::test
