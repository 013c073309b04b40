#include "leat/memory_broker.h"
#include "leat/sqlite_broker.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

struct FileBroker : TestBroker {
  FileBroker() { broker = open_sqlite_broker((directory.path() / "leat.db").string()).value(); }
  ~FileBroker() override { broker.reset(); }
  TemporaryDirectory directory;
};

}  // namespace

std::vector<std::string> pipeline_broker_kinds() {
  return {"memory", "sqlite"};
}

std::unique_ptr<TestBroker> open_test_broker(const std::string& kind) {
  if (kind == "sqlite") return std::make_unique<FileBroker>();
  auto memory = std::make_unique<TestBroker>();
  memory->broker = open_memory_broker();
  return memory;
}

}  // namespace leat::test
