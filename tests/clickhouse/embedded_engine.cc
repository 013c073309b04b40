#include <unistd.h>

#include <optional>

#include "core/text.h"
#include "core/ulid.h"
#include "tests/clickhouse/engines.h"
#include "tests/support/temporary_directory.h"

namespace leat::test {

std::vector<std::string> engine_kinds() {
  return {"embedded"};
}

std::string why_no_engine(const std::string&) {
  return access(LEAT_CHDB, R_OK) == 0 ? "" : "no libchdb: tools/fetch_engines.sh";
}

namespace {

// Ends with the tests: when the program ends, the engine's own threads and their data may be gone already.
class RunningEngine : public ::testing::Environment {
 public:
  void TearDown() override {
    engine_.reset();
    directory_.reset();
  }
  ClickHouse& get() {
    if (engine_ == nullptr) {
      directory_.emplace();
      engine_ = open_clickhouse("chdb:" + directory_->path().string(), {.library = LEAT_CHDB}).value();
    }
    return *engine_;
  }

 private:
  std::optional<TemporaryDirectory> directory_;
  std::unique_ptr<ClickHouse> engine_;
};

RunningEngine* const running =
    static_cast<RunningEngine*>(testing::AddGlobalTestEnvironment(std::make_unique<RunningEngine>().release()));

}  // namespace

ClickHouse& engine(const std::string&) {
  return running->get();
}

std::string fresh_name() {
  return "t_" + lower_case(make_ulid(real_clock().now()));
}

}  // namespace leat::test
