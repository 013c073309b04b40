#include "core/text.h"
#include "core/ulid.h"
#include "tests/clickhouse/engines.h"
#include "tests/support/clickhouse_server.h"

namespace leat::test {
namespace {

struct Running {
  explicit Running(ClickHouseKind kind) : server(kind), engine(open_clickhouse(server.url()).value()) {}
  ClickHouseServer server;
  std::unique_ptr<ClickHouse> engine;
};

ClickHouseKind kind_named(const std::string& name) {
  return name == "debian" ? ClickHouseKind::kDebian : ClickHouseKind::kFront;
}

}  // namespace

std::vector<std::string> engine_kinds() {
  return {"debian", "front"};
}

std::string why_no_engine(const std::string& kind) {
  return why_not(kind_named(kind));
}

ClickHouse& engine(const std::string& kind) {
  if (kind == "debian") {
    static Running debian(ClickHouseKind::kDebian);
    return *debian.engine;
  }
  static Running front(ClickHouseKind::kFront);
  return *front.engine;
}

std::string fresh_name() {
  return "t_" + lower_case(make_ulid(real_clock().now()));
}

}  // namespace leat::test
