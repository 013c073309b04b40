// What is read of a table's engine; a replicated table takes a cluster, so its server here is one that answers as such.
#include <gtest/gtest.h>

#include "leat/clickhouse.h"
#include "tests/support/http_server.h"

namespace leat {
namespace {

using test::HttpServer;

// The window of a table with this engine on a server whose own windows are 7 and, of replicated tables, 100.
std::uint64_t window_of(const std::string& engine, const std::string& engine_full) {
  setenv("no_proxy", "127.0.0.1", 1);
  const HttpServer server([&](const httplib::Request& request, httplib::Response& response) {
    const auto asks = [&](const char* part) { return request.body.find(part) != std::string::npos; };
    std::string answer = engine + "\t" + engine_full + "\n";
    if (asks("version()")) answer = "24.8.1.1\tdefault\n";
    if (asks("DESCRIBE")) answer = "a\tUInt64\t\t\t\t\t\n";
    if (asks("merge_tree_settings")) answer = asks("'replicated_deduplication_window'") ? "100\n" : "7\n";
    response.set_content(answer, "text/plain");
  });
  const auto opened = open_clickhouse(server.url()).value();
  return describe_table(*opened, "t").value().deduplication_window;
}

TEST(TableDescriptionTest, ATablesOwnDeduplicationWindowWins) {
  const std::string replicated = "ReplicatedMergeTree(\\'/tables/t\\', \\'r1\\') ORDER BY a SETTINGS ";
  EXPECT_EQ(window_of("MergeTree", "MergeTree ORDER BY a"), 7U);
  EXPECT_EQ(window_of("MergeTree", "MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 0"), 0U);
  EXPECT_EQ(window_of("MergeTree",
                      "MergeTree ORDER BY a SETTINGS index_granularity = 8192, "
                      "non_replicated_deduplication_window = 1000, min_bytes_for_wide_part = 5"),
            1000U);
  EXPECT_EQ(window_of("ReplicatedMergeTree", replicated + "index_granularity = 8192"), 100U);
  EXPECT_EQ(window_of("ReplicatedMergeTree", replicated + "replicated_deduplication_window = 0"), 0U);
  EXPECT_EQ(window_of("ReplicatedReplacingMergeTree",
                      replicated + "index_granularity = 8192, replicated_deduplication_window = 500"),
            500U);
  EXPECT_EQ(window_of("Memory", "Memory"), 0U);
}

TEST(TableDescriptionTest, ASettingWhoseNameEndsLikeAnotherIsNotTaken) {
  EXPECT_EQ(window_of("ReplicatedMergeTree",
                      "ReplicatedMergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 0"),
            100U);
  EXPECT_EQ(window_of("MergeTree", "MergeTree ORDER BY a SETTINGS replicated_deduplication_window = 0"), 7U);
}

}  // namespace
}  // namespace leat
