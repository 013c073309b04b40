#include <unistd.h>

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

ClickHouse& engine(const std::string&) {
  static const TemporaryDirectory directory;
  static const std::unique_ptr<ClickHouse> engine =
      open_clickhouse("chdb:" + directory.path().string(), {.library = LEAT_CHDB}).value();
  return *engine;
}

std::string fresh_name() {
  return "t_" + lower_case(make_ulid(real_clock().now()));
}

}  // namespace leat::test
