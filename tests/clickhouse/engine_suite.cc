// What every engine does.
#include "core/thread.h"
#include "leat/rows.h"
#include "tests/clickhouse/engines.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using Verdict = InsertAnswer::Verdict;

class EngineTest : public EngineSuite {};

TEST_P(EngineTest, FactsAreTold) {
  const ClickHouseFacts& facts = engine_->facts();
  EXPECT_GE(facts.major, 18U);
  EXPECT_EQ(facts.database, "default");
  EXPECT_EQ(facts.tokens, modern());
  EXPECT_TRUE(facts.version.starts_with(std::to_string(facts.major) + "." + std::to_string(facts.minor)));
}

TEST_P(EngineTest, TablesAreDescribed) {
  const std::string table =
      make_table("a UInt64, d DateTime DEFAULT now(), n Nullable(String), m UInt8 MATERIALIZED a % 2", "a");
  const auto description = describe_table(*engine_, table).value();
  EXPECT_EQ(description.engine, "MergeTree");
  EXPECT_EQ(description.deduplication_window, modern() ? 1000U : 0U);
  ASSERT_EQ(description.columns.size(), 4U);
  EXPECT_EQ(description.columns[1].default_is, TableColumn::Default::kExpression);
  EXPECT_EQ(description.columns[3].default_is, TableColumn::Default::kNotInsertable);
  EXPECT_TRUE(description.columns[2].type.nullable());
  EXPECT_EQ(describe_table(*engine_, "default." + table)->columns.size(), 4U);
  EXPECT_EQ(describe_table(*engine_, "no_such_table").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(describe_table(*engine_, "no; table").error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(EngineTest, AnUnknownTypeNamesItsColumn) {
  const std::string table = make_table("a UInt8, s AggregateFunction(sum, UInt8)", "a");
  const auto description = describe_table(*engine_, table);
  ASSERT_FALSE(description);
  EXPECT_NE(description.error().message().find("column s of table " + table), std::string::npos)
      << description.error().message();
  EXPECT_NE(description.error().message().find("AggregateFunction"), std::string::npos);
}

TEST_P(EngineTest, RowsAreTextAndNullIsNone) {
  const auto rows = query_rows(*engine_, "SELECT 'a\\tb\\n\\'\\\\', NULL, 1 UNION ALL SELECT '', NULL, 2");
  ASSERT_TRUE(rows) << rows.error().message();
  ASSERT_EQ(rows->size(), 2U);
  const auto& row = rows->at(0)[2] == "1" ? rows->at(0) : rows->at(1);
  EXPECT_EQ(row[0], "a\tb\n'\\");
  EXPECT_EQ(row[1], std::nullopt);
}

TEST_P(EngineTest, ErrorsSayWhatTheCallerCanDo) {
  const std::string table = make_table("a UInt8", "a");
  EXPECT_EQ(engine_->query("SELECT * FROM no_such_table").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(engine_->execute("CREATE TABLE " + table + " (a UInt8) ENGINE = Memory").error().code(),
            ErrorCode::kConflict);
  const auto wrong = engine_->query("SELEKT 1");
  EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(wrong.error().message().find("Code: 62"), std::string::npos) << wrong.error().message();
  EXPECT_EQ(engine_->query("SELECT 1", {.settings = {{"no_such_setting", "1"}}}).error().code(),
            ErrorCode::kInvalidArgument);
}

TEST_P(EngineTest, SettingsHoldForOneQuery) {
  const std::string sql = "SELECT value FROM system.settings WHERE name = 'max_threads'";
  const std::string before = text_of(sql);
  EXPECT_EQ(engine_->query(sql, {.settings = {{"max_threads", "1"}}}).value(), "1\n");
  EXPECT_EQ(text_of(sql), before);
}

// All types that the engine has, with bytes that mean something to text formats and to lines.
TEST_P(EngineTest, EveryTypeComesBackAsItWas) {
  std::string columns =
      "id UInt64, i8 Int8, f Float64, s String, fs FixedString(3), d Date, dt DateTime('UTC'), u UUID, "
      "e Enum8('a' = 1, 'b' = 2), dec Decimal(9, 2), arr Array(Array(UInt8)), n Nullable(String)";
  std::string row =
      R"("id":18446744073709551615,"i8":-128,"f":0.1,"s":"\n\n\tx\\","fs":"a\n","d":"2026-01-31","dt":"2026-01-31T12:00:00Z",)"
      R"("u":"00112233-4455-6677-8899-aabbccddeeff","e":"b","dec":"-1.05","arr":[[1,2],[]],"n":null)";
  std::string expected =
      "18446744073709551615\t-128\t0.1\t\\n\\n\\tx\\\\\ta\\n\\0\t2026-01-31\t2026-01-31 12:00:00\t"
      "00112233-4455-6677-8899-aabbccddeeff\tb\t-1.05\t[[1,2],[]]\t\\N";
  if (modern()) {
    columns +=
        ", i128 Int128, u256 UInt256, b Bool, d32 Date32, t DateTime64(6, 'UTC'), d256 Decimal(60, 5), v4 IPv4, v6 "
        "IPv6, "
        "lc LowCardinality(Nullable(String)), m Map(String, UInt8), tup Tuple(x UInt8, y String), j JSON, "
        "sa SimpleAggregateFunction(sum, UInt64)";
    row +=
        R"(,"i128":"-170141183460469231731687303715884105728","u256":"1","b":true,"d32":"1900-01-01",)"
        R"("t":"2026-01-31T12:00:00.123456Z","d256":"1234567890123456789012345678901234567890.12345","v4":"10.0.0.1",)"
        R"("v6":"2001:db8::1","lc":"x","m":{"k":1},"tup":{"x":1,"y":"z"},"j":{"a":{"b":1}},"sa":5)";
    expected +=
        "\t-170141183460469231731687303715884105728\t1\ttrue\t1900-01-01\t2026-01-31 12:00:00.123456\t"
        "1234567890123456789012345678901234567890.12345\t10.0.0.1\t2001:db8::1\tx\t{'k':1}\t(1,'z')\t{\"a\":{\"b\":1}}"
        "\t5";
  }
  const std::string table = make_table(columns, "id");
  const RowEncoder encoder = RowEncoder::open(describe_table(*engine_, table).value()).value();
  RowBatch batch;
  const auto encoded = encoder.encode_json(batch, "{" + row + "}");
  ASSERT_TRUE(encoded) << encoded.error().message();
  const auto answer = engine_->insert({.table = table, .columns = encoder.column_names(), .rows = batch.rows()});
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->verdict, Verdict::kStored) << answer->reason;
  EXPECT_EQ(text_of("SELECT * FROM " + table), expected + "\n");
}

TEST_P(EngineTest, ARowsFaultIsAnAnswerAndATablesFaultAnError) {
  const std::string table = make_table("a UInt64, m UInt8 MATERIALIZED throwIf(a = 13)", "a");
  const std::string good("\1\0\0\0\0\0\0\0", 8);
  const std::string bad("\15\0\0\0\0\0\0\0", 8);
  EXPECT_EQ(engine_->insert({.table = table, .columns = {"a"}, .rows = good})->verdict, Verdict::kStored);
  const auto refused = engine_->insert({.table = table, .columns = {"a"}, .rows = good + bad});
  ASSERT_TRUE(refused) << refused.error().message();
  EXPECT_EQ(refused->verdict, Verdict::kRefused);
  EXPECT_EQ(refused->code, 395);
  EXPECT_NE(refused->reason.find("throwIf"), std::string::npos) << refused->reason;
  EXPECT_EQ(engine_->insert({.table = table, .columns = {"a"}, .rows = "half"})->verdict, Verdict::kRefused);
  EXPECT_EQ(count(table), 1U);
  EXPECT_EQ(engine_->insert({.table = "no_such_table", .rows = good}).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(engine_->insert({.table = table, .columns = {"x"}, .rows = good}).error().code(),
            ErrorCode::kInvalidArgument);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(engine_->insert({.table = table, .columns = {"a"}, .rows = good}, stop.get_token())->verdict,
            Verdict::kStopped);
}

// The table has the rows by then: parts of them under other tokens would be stored once more.
TEST_P(EngineTest, AViewThatThrowsIsNoRowsFault) {
  const std::string table = make_table("a UInt64", "a");
  const std::string view = fresh_name();
  engine_
      ->execute("CREATE MATERIALIZED VIEW " + view +
                " ENGINE = MergeTree ORDER BY b AS SELECT throwIf(a = 13) AS b FROM " + table)
      .value();
  const auto refused =
      engine_->insert({.table = table, .columns = {"a"}, .rows = std::string_view("\15\0\0\0\0\0\0\0", 8)});
  engine_->execute("DROP TABLE " + view).value();
  ASSERT_FALSE(refused) << refused->reason;
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message().find(view), std::string::npos) << refused.error().message();
  EXPECT_NE(refused.error().message().find("repair the view"), std::string::npos) << refused.error().message();
}

TEST_P(EngineTest, AnInsertIntoTooManyPartitionsSaysWhatToChange) {
  if (!modern()) GTEST_SKIP() << "the limit is of later servers";
  const std::string table = fresh_name();
  engine_->execute("CREATE TABLE " + table + " (a UInt8) ENGINE = MergeTree PARTITION BY a ORDER BY a").value();
  std::string rows;
  for (int i = 0; i < 101; ++i) rows += static_cast<char>(i);
  const auto refused = engine_->insert({.table = table, .rows = rows});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message().find("partition the table by something coarser"), std::string::npos)
      << refused.error().message();
}

TEST_P(EngineTest, ATokenIsStoredOnce) {
  const std::string table = make_table("a UInt64", "a");
  const std::string one("\1\0\0\0\0\0\0\0", 8);
  const std::string two("\2\0\0\0\0\0\0\0", 8);
  const auto first = engine_->insert({.table = table, .rows = one, .token = "a"});
  if (!modern()) {
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(first.error().message().find("22.2"), std::string::npos);
    return;
  }
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(engine_->insert({.table = table, .rows = two, .token = "a"})->verdict, Verdict::kStored);
  EXPECT_EQ(text_of("SELECT * FROM " + table), "1\n");
  EXPECT_EQ(engine_->insert({.table = table, .rows = one, .token = "b"})->verdict, Verdict::kStored);
  EXPECT_EQ(text_of("SELECT * FROM " + table), "1\n1\n");
}

TEST_P(EngineTest, WhatRunsIsSeenUntilItEnds) {
  const std::string id = fresh_name();
  EXPECT_FALSE(engine_->is_running(id).value());
  std::atomic<bool> ended{false};
  const Thread query = start_thread("query", [&](const std::stop_token&) {
    EXPECT_TRUE(engine_->query("SELECT sleep(3)", {.query_id = id}));
    ended = true;
  });
  while (!engine_->is_running(id).value() && !ended) std::this_thread::yield();
  EXPECT_FALSE(ended);
  EXPECT_EQ(engine_->query("SELECT 1", {.query_id = id}).error().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(wait_until_ended(*engine_, id, real_clock(), real_clock().steady() + 20ms).value());
  EXPECT_TRUE(wait_until_ended(*engine_, id, real_clock(), real_clock().steady() + 20s).value());
  EXPECT_FALSE(engine_->is_running(id).value());
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineTest, ::testing::ValuesIn(engine_kinds()),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
