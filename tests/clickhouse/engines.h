// The engines that a test can run on. One suite for all: servers in one program, the embedded engine in another, which
// is built without sanitizers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "leat/clickhouse.h"

namespace leat::test {

// "debian", "front"; or "embedded" in the program that is for it.
std::vector<std::string> engine_kinds();

// Why tests on it have to be skipped; empty when they can run.
std::string why_no_engine(const std::string& kind);

// Of this process, started by the first call; it ends with the program.
ClickHouse& engine(const std::string& kind);

// A table's name that nothing else has.
std::string fresh_name();

// A suite over all kinds: its test cases are skipped, with the reason, where the engine is not at hand.
class EngineSuite : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string why = why_no_engine(GetParam());
    if (!why.empty()) GTEST_SKIP() << why;
    engine_ = &engine(GetParam());
  }

  bool modern() const { return GetParam() != "debian"; }
  // Makes a table with these columns, ordered by the first: MergeTree, with a dedupe window where there is such a
  // thing.
  std::string make_table(const std::string& columns, const std::string& order_by) const {
    const std::string name = fresh_name();
    engine_
        ->execute("CREATE TABLE " + name + " (" + columns + ") ENGINE = MergeTree ORDER BY " + order_by +
                  (modern() ? " SETTINGS non_replicated_deduplication_window = 1000" : ""))
        .value();
    return name;
  }
  std::string text_of(const std::string& sql) const { return engine_->query(sql).value(); }
  std::uint64_t count(const std::string& table) const { return std::stoull(text_of("SELECT count() FROM " + table)); }

  ClickHouse* engine_ = nullptr;
};

}  // namespace leat::test
