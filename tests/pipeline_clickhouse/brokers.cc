#include "leat/memory_broker.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"
#include "tests/support/broker_fixture.h"

namespace leat::test {
namespace {

struct FixtureBroker : TestBroker {
  explicit FixtureBroker(const std::string& kind) : fixture(make_broker_fixture(kind)) { broker = fixture->open(); }
  ~FixtureBroker() override { broker.reset(); }
  std::unique_ptr<BrokerFixture> fixture;
};

}  // namespace

std::vector<std::string> pipeline_broker_kinds() {
  std::vector<std::string> kinds = broker_kinds();
  std::erase(kinds, "memory_decorated");
  return kinds;
}

std::unique_ptr<TestBroker> open_test_broker(const std::string& kind) {
  if (kind != "memory") return std::make_unique<FixtureBroker>(kind);
  auto memory = std::make_unique<TestBroker>();
  memory->broker = open_memory_broker();
  return memory;
}

}  // namespace leat::test
