// What a real server rarely does: answers that break off, proxies in between, TLS. tests/clickhouse has the rest.
#include <gtest/gtest.h>
#include <zstd.h>

#include <atomic>

#include "clickhouse/http_engine.h"
#include "leat/batch_writer.h"
#include "tests/support/http_server.h"

namespace leat {
namespace {

using namespace std::chrono_literals;
using test::HttpServer;

// A server whose answers to anything but the first question, which version it is, are the test's.
httplib::Server::Handler server_that(httplib::Server::Handler answer, const std::string& version = "24.8.1.1") {
  return [answer = std::move(answer), version](const httplib::Request& request, httplib::Response& response) {
    if (request.body.find("SELECT version()") != std::string::npos) {
      response.set_content(version + "\tdefault\n", "text/plain");
    } else {
      answer(request, response);
    }
  };
}

struct HttpEngineTest : ::testing::Test {
  void SetUp() override { setenv("no_proxy", "127.0.0.1", 1); }
};

TEST_F(HttpEngineTest, AnErrorInTheMiddleOfAnAnswerIsAnError) {
  const HttpServer server(server_that([](const httplib::Request&, httplib::Response& response) {
    response.set_content("1\n2\nCode: 241. DB::Exception: Memory limit (MEMORY_LIMIT_EXCEEDED) (version 24.8.1.1)\n",
                         "text/plain");
  }));
  const auto engine = open_clickhouse(server.url()).value();
  const auto answer = engine->query("SELECT 1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(engine->insert({.table = "t", .rows = "x"}).error().code(), ErrorCode::kUnavailable);
}

TEST_F(HttpEngineTest, AHeaderOrAStatusIsAnErrorToo) {
  std::atomic<int> status{200};
  const HttpServer server(server_that([&](const httplib::Request&, httplib::Response& response) {
    response.status = status;
    if (status == 200) response.set_header("X-ClickHouse-Exception-Code", "60");
    response.set_content("<html>no</html>", "text/html");
  }));
  const auto engine = open_clickhouse(server.url()).value();
  EXPECT_EQ(engine->query("SELECT 1").error().code(), ErrorCode::kNotFound);
  status = 503;
  EXPECT_EQ(engine->query("SELECT 1").error().code(), ErrorCode::kUnavailable);
  status = 418;
  EXPECT_EQ(engine->query("SELECT 1").error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(HttpEngineTest, WhatGoesOut) {
  std::atomic<int> seen{0};
  const HttpServer server(server_that([&](const httplib::Request& request, httplib::Response&) {
    EXPECT_EQ(request.get_param_value("query"), "INSERT INTO `t` (`a`) FORMAT RowBinary");
    EXPECT_EQ(request.get_param_value("database"), "d b");
    EXPECT_EQ(request.get_param_value("async_insert"), "0");
    EXPECT_EQ(request.get_param_value("insert_deduplication_token"), "x&y");
    EXPECT_EQ(request.get_param_value("query_id"), "id");
    EXPECT_EQ(request.get_param_value("max_threads"), "1");
    EXPECT_EQ(request.get_header_value("Authorization"), "Basic YWRhOnNlY3JldA==");
    EXPECT_EQ(request.target.find("secret"), std::string::npos);
    ++seen;
  }));
  const std::string address = server.url("/d%20b").substr(std::string_view("http://").size());
  const auto engine = open_clickhouse("clickhouse://ada:secret@" + address).value();
  EXPECT_EQ(engine->facts().address.find("secret"), std::string::npos);
  EXPECT_TRUE(engine->insert({.table = "t",
                              .columns = {"a"},
                              .rows = "x",
                              .token = "x&y",
                              .settings = {{"max_threads", "1"}},
                              .query_id = "id"}));
  EXPECT_EQ(seen, 1);
}

TEST_F(HttpEngineTest, TlsServersAreChecked) {
  const HttpServer server(server_that([](const httplib::Request&, httplib::Response&) {}), HttpServer::Tls::kYes);
  const auto untrusted = open_clickhouse(server.url());
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().code(), ErrorCode::kDenied) << untrusted.error().message();
  const auto trusted = open_clickhouse(server.url() + "?ca_file=" + server.ca_file());
  ASSERT_TRUE(trusted) << trusted.error().message();
  EXPECT_EQ((*trusted)->facts().major, 24U);
}

// An insert as it comes to a server: gzip is undone by the server's own library, zstd here.
struct Received {
  std::string encoding;
  std::string rows;
  std::size_t sent = 0;  // bytes
};

std::string without_zstd(const std::string& body, std::size_t size) {
  std::string out(size, '\0');
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), body.data(), body.size());
  return ZSTD_isError(got) != 0 ? "this is no zstd" : out.substr(0, got);
}

enum class From { kThisMachine, kElsewhere };

Received received(const std::string& version, const std::string& compression, From from, const std::string& rows) {
  Received insert;
  const HttpServer server(server_that(
      [&](const httplib::Request& request, httplib::Response&) {
        insert.encoding = request.get_header_value("Content-Encoding");
        insert.sent = std::stoul(request.get_header_value("Content-Length"));
        insert.rows = insert.encoding == "zstd" ? without_zstd(request.body, rows.size()) : request.body;
      },
      version));
  auto address = server_address(server.url("/?compression=" + compression)).value();
  address.local = from == From::kThisMachine;
  const auto engine = HttpEngine::open(std::move(address), {}).value();
  EXPECT_TRUE(engine->insert({.table = "t", .rows = rows}));
  return insert;
}

TEST_F(HttpEngineTest, RowsAreCompressedAsTheUrlSaysAndTheServerKnows) {
  std::string rows;
  for (int i = 0; i < 100'000; ++i) rows += std::to_string(i);
  struct Expected {
    const char* version;
    const char* compression;
    From from;
    const char* encoding;
  };
  const Expected table[] = {
      {"24.8.1.1", "auto", From::kElsewhere, "zstd"},   {"21.1.2.15", "auto", From::kElsewhere, "zstd"},
      {"20.12.8.5", "auto", From::kElsewhere, "gzip"},  {"18.16.1", "auto", From::kElsewhere, "gzip"},
      {"24.8.1.1", "auto", From::kThisMachine, ""},     {"24.8.1.1", "gzip", From::kThisMachine, "gzip"},
      {"24.8.1.1", "zstd", From::kThisMachine, "zstd"}, {"24.8.1.1", "none", From::kElsewhere, ""}};
  for (const auto& [version, compression, from, encoding] : table) {
    const Received insert = received(version, compression, from, rows);
    EXPECT_EQ(insert.encoding, encoding) << version << " " << compression;
    EXPECT_TRUE(insert.rows == rows) << version << " " << compression << " " << insert.rows.substr(0, 40);
    EXPECT_EQ(insert.sent < rows.size(), !insert.encoding.empty()) << version << " " << compression;
  }
}

// After a lost answer the server is asked whether the insert still runs; the next try waits for that.
TEST_F(HttpEngineTest, ALostAnswerIsTriedAgainOnceTheServerIsDone) {
  std::atomic<int> inserts{0};
  std::atomic<int> asked{0};
  const HttpServer server(server_that([&](const httplib::Request& request, httplib::Response& response) {
    if (request.body.find("system.processes") != std::string::npos) {
      response.set_content(++asked < 3 ? "1\n" : "0\n", "text/plain");
    } else if (++inserts == 1) {
      response.status = 500;
      response.set_content("Code: 319. DB::Exception: Unknown status of insert (UNKNOWN_STATUS_OF_INSERT)",
                           "text/plain");
    } else {
      EXPECT_GE(asked, 3);
    }
  }));
  const auto engine = open_clickhouse(server.url()).value();
  const TableDescription table{"t", {{"a", parse_column_type("UInt8").value()}}, "MergeTree"};
  const BatchWriter writer(*engine, RowEncoder::open(table).value(), {.first_pause = 1ms});
  RowBatch batch;
  batch.append("x");
  const auto report = writer.write(batch);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ((*report)->inserts, 2U);
}

}  // namespace
}  // namespace leat
