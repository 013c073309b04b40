#include "leat/clickhouse.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "clickhouse/compression.h"
#include "clickhouse/http_engine.h"
#include "clickhouse/server_error.h"
#include "clickhouse/statement_text.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

TEST(ServerErrorTest, OldAndNewServersAreUnderstood) {
  const ServerError old = parse_server_error(
      "Code: 60, e.displayText() = DB::Exception: Table default.t doesn't exist., e.what() = DB::Exception\n");
  EXPECT_EQ(old.code, 60);
  EXPECT_EQ(old.error_code(), ErrorCode::kNotFound);
  const ServerError today = parse_server_error("Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)", 252);
  EXPECT_EQ(today.fault, ServerFault::kTransient);
  EXPECT_EQ(today.error_code(), ErrorCode::kUnavailable);
  EXPECT_EQ(parse_server_error("<html>").code, 0);
  EXPECT_EQ(parse_server_error("Code: 99999999999999999999").code, 0);
}

TEST(ServerErrorTest, WhoseFaultItIs) {
  EXPECT_EQ(fault_of(241, ""), ServerFault::kTransient);
  EXPECT_EQ(fault_of(216, ""), ServerFault::kTransient);
  EXPECT_EQ(fault_of(469, ""), ServerFault::kRow);
  EXPECT_EQ(fault_of(117, ""), ServerFault::kRow);
  EXPECT_EQ(fault_of(62, ""), ServerFault::kStatement);
  EXPECT_EQ(fault_of(16, ""), ServerFault::kStatement);
  EXPECT_EQ(fault_of(252, "Too many partitions for single INSERT block"), ServerFault::kStatement);
  EXPECT_EQ(fault_of(395, "non-zero: while executing 'f': while pushing to view db.v. (X)"), ServerFault::kStatement);
  EXPECT_EQ(fault_of(241, "Memory limit exceeded: while pushing to view db.v"), ServerFault::kTransient);
  EXPECT_EQ(fault_of(469, "Column values: s = ': while pushing to view db.v'. (X)"), ServerFault::kRow);
  EXPECT_EQ((ServerError{516, ServerFault::kStatement, ""}).error_code(), ErrorCode::kDenied);
  EXPECT_EQ((ServerError{243, ServerFault::kStatement, ""}).error_code(), ErrorCode::kFull);
  EXPECT_EQ((ServerError{57, ServerFault::kStatement, ""}).error_code(), ErrorCode::kConflict);
  EXPECT_EQ((ServerError{319, ServerFault::kTransient, ""}).error_code(), ErrorCode::kUnknown);
}

TEST(ServerErrorTest, AnErrorInTheMiddleOfAnAnswer) {
  EXPECT_FALSE(error_in_answer("1\n2\n"));
  EXPECT_FALSE(error_in_answer(""));
  EXPECT_FALSE(error_in_answer("Code: 12 is what the door has\n"));
  const auto old = error_in_answer("1\n2\nCode: 395, e.displayText() = DB::Exception: no, e.what() = DB::Exception\n");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->code, 395);
  const auto plain = error_in_answer("{\"a\":1}\nCode: 241. DB::Exception: Memory (MEMORY) (version 24.8.1.1)\n");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->fault, ServerFault::kTransient);
  const auto framed = error_in_answer(
      "1\n\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 395. DB::Exception: no\r\n31 "
      "abcdefghijklmnop\r\n__exception__\r\n");
  ASSERT_TRUE(framed);
  EXPECT_EQ(framed->code, 395);
}

TEST(ServerAddressTest, UrlsAreTakenApart) {
  const auto address = server_address("clickhouse://ada:s%3Ae@db.example/events?timeout=5s&compression=gzip").value();
  EXPECT_EQ(address.url, "http://db.example:8123/");
  EXPECT_EQ(address.user, "ada");
  EXPECT_EQ(address.password, "s:e");
  EXPECT_EQ(address.database, "events");
  EXPECT_EQ(address.timeout, 5s);
  EXPECT_EQ(address.compress, ServerAddress::Compress::kGzip);
  EXPECT_EQ(server_address("https://h")->url, "https://h:8443/");
  EXPECT_EQ(server_address("clickhouse://h?tls=yes")->url, "https://h:8443/");
  EXPECT_EQ(server_address("http://[::1]:9/")->url, "http://[::1]:9/");
  EXPECT_TRUE(server_address("http://[::1]:9/")->local);
}

TEST(ServerAddressTest, WrongOnesSayWhichPartAndKeepSecrets) {
  for (const char* url : {"clickhouse://ada:secret@h?x=1", "clickhouse://ada:secret@h?timeout=0s",
                          "clickhouse://ada:secret@", "clickhouse://ada:secret@h,i", "clickhouse://ada:secret@h/a/b",
                          "clickhouse://ada:secret@h?compression=lz4", "clickhouse://ada:secret@h?tls=1"}) {
    const auto address = server_address(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(address.error().message().find("secret"), std::string::npos) << address.error().message();
  }
  EXPECT_EQ(open_clickhouse("nats://h").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(open_clickhouse("chdb:").error().code(), ErrorCode::kInvalidArgument);
}

TEST(EmbeddedEngineTest, AMissingLibraryIsToldWithItsPackage) {
  const auto engine = open_clickhouse("chdb:never_made", {.library = "/nowhere/libchdb.so"});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(engine.error().message(),
            "there is no /nowhere/libchdb.so, ClickHouse's engine as a library: `npm install @chdb/lib-linux-x64-gnu` "
            "puts it under ./node_modules");
  EXPECT_FALSE(std::filesystem::exists("never_made"));
}

TEST(StatementTextTest, NamesAndLiteralsAreQuoted) {
  EXPECT_EQ(quote_literal("it's \\"), "'it\\'s \\\\'");
  EXPECT_EQ(quote_name("a`b"), "`a\\`b`");
  EXPECT_EQ(insert_statement({.table = "db.t", .columns = {"a", "b c"}}).value(),
            "INSERT INTO `db`.`t` (`a`, `b c`) FORMAT RowBinary");
  for (const char* table : {"", "a.b.c", "t; DROP TABLE x", "a.", "`t`"}) {
    EXPECT_FALSE(insert_statement({.table = table})) << table;
  }
  const ClickHouseFacts old{.version = "18.16.1", .major = 18, .minor = 16};
  EXPECT_FALSE(insert_settings({.token = "x"}, old));
  EXPECT_TRUE(insert_settings({}, old)->empty());
}

TEST(CompressionTest, BytesBecomeFewer) {
  const std::string bytes(1'000'000, 'x');
  for (const Compression how : {Compression::kGzip, Compression::kZstd}) {
    const std::string smaller = compress(bytes, how);
    EXPECT_FALSE(smaller.empty());
    EXPECT_LT(smaller.size(), 20'000U);
    EXPECT_FALSE(compress("", how).empty());
  }
  EXPECT_TRUE(compress(bytes, Compression::kNone).empty());
}

}  // namespace
}  // namespace leat
