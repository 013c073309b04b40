#include "leat/http_handler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>

#include "core/thread.h"
#include "leat/testing.h"
#include "tests/support/http_server.h"
#include "tests/support/loose_job.h"
#include "tests/support/nats_server.h"

namespace leat {
namespace {

using namespace std::chrono_literals;
using test::HttpServer;
using test::LooseJob;

constexpr const char* kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct HttpHandlerTest : ::testing::Test {
  void SetUp() override { setenv("no_proxy", "127.0.0.1", 1); }

  Outcome run(const std::string& url, Duration timeout = 30s) {
    return http_handler(url, {.timeout = timeout}).value()(job);
  }

  LooseJob job;
};

TEST_F(HttpHandlerTest, TheJobGoesOutWithItsHeaders) {
  httplib::Request seen;
  const HttpServer server([&](const httplib::Request& request, httplib::Response& response) {
    seen = request;
    response.set_content("resized", "text/plain");
  });
  job.set_payload("{\"to\":\"Ada\"}");
  job.set_header("traceparent", kTrace);
  job.set_header("Host", "elsewhere.example");
  job.set_header("content-length", "3");
  job.set_header("Nats-Msg-Id", "01ABC");
  const Outcome outcome = run(server.url("/jobs?a=b"));
  EXPECT_EQ(outcome.kind(), Outcome::Kind::kDone);
  EXPECT_EQ(outcome.text(), "resized");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/jobs?a=b");
  EXPECT_EQ(seen.body, "{\"to\":\"Ada\"}");
  const std::vector<std::pair<const char*, std::string>> expected{
      {"Leat-Job-Id", "high.images.01ABC"}, {"Leat-Kind", "resize"}, {"Leat-Attempt", "2"},
      {"Leat-Max-Attempts", "7"},           {"traceparent", kTrace}, {"X-Trace-id", "a b"},
      {"Content-Type", "application/json"}, {"Nats-Msg-Id", ""},     {"Host", server.url("").substr(7)}};
  for (const auto& [name, value] : expected) EXPECT_EQ(seen.get_header_value(name), value) << name;
  EXPECT_EQ(seen.get_header_value_count("Leat-Kind"), 1U);
}

TEST_F(HttpHandlerTest, TheJobsContentTypeCounts) {
  std::string seen;
  const HttpServer server([&](const httplib::Request& request, httplib::Response&) {
    seen = request.get_header_value("Content-Type") + std::to_string(request.get_header_value_count("Content-Type"));
  });
  job.set_header("content-type", "image/png");
  EXPECT_EQ(run(server.url()).kind(), Outcome::Kind::kDone);
  EXPECT_EQ(seen, "image/png1");
}

TEST_F(HttpHandlerTest, TheStatusIsTheVerdict) {
  const HttpServer server([](const httplib::Request& request, httplib::Response& response) {
    response.status = std::stoi(request.path.substr(1));
    if (response.status >= 300) response.set_content("because\n", "text/plain");
  });
  using Kind = Outcome::Kind;
  for (const auto& [status, kind] : std::vector<std::pair<int, Kind>>{{200, Kind::kDone},
                                                                      {201, Kind::kDone},
                                                                      {202, Kind::kDone},
                                                                      {204, Kind::kDone},
                                                                      {302, Kind::kRetry},
                                                                      {400, Kind::kDead},
                                                                      {401, Kind::kDead},
                                                                      {404, Kind::kDead},
                                                                      {408, Kind::kRetry},
                                                                      {410, Kind::kDead},
                                                                      {422, Kind::kDead},
                                                                      {425, Kind::kRetry},
                                                                      {429, Kind::kRetry},
                                                                      {500, Kind::kRetry},
                                                                      {503, Kind::kRetry}}) {
    const std::string url = server.url("/" + std::to_string(status));
    const Outcome outcome = run(url);
    EXPECT_EQ(outcome.kind(), kind) << status << ": " << outcome.text();
    if (status < 400) continue;
    EXPECT_EQ(outcome.text(), url + " answers " + std::to_string(status) + ": because\n");
  }
  EXPECT_NE(run(server.url("/302")).text().find("redirects are not followed"), std::string::npos);
}

TEST_F(HttpHandlerTest, TheServerSaysWhenToComeBack) {
  const HttpServer server([](const httplib::Request& request, httplib::Response& response) {
    response.status = 503;
    response.set_header("Retry-After", request.path == "/date" ? "Fri, 02 Jan 2099 00:00:00 GMT" : "120");
  });
  const Outcome seconds = run(server.url("/seconds"));
  EXPECT_EQ(seconds.kind(), Outcome::Kind::kRetryAfter);
  EXPECT_EQ(seconds.delay(), 120s);
  EXPECT_EQ(run(server.url("/date")).delay(), 24h);
}

TEST_F(HttpHandlerTest, AnErrorHoldsTheBeginningOfALongBody) {
  const HttpServer server([](const httplib::Request&, httplib::Response& response) {
    response.status = 500;
    response.set_content(std::string(100'000, 'x'), "text/plain");
  });
  EXPECT_EQ(run(server.url("/long?key=secret")).text(), server.url("/long") + " answers 500: " + std::string(500, 'x'));
}

TEST_F(HttpHandlerTest, NoAnswerIsARetry) {
  const std::string nobody = "http://127.0.0.1:" + std::to_string(test::free_port());
  EXPECT_EQ(run(nobody).kind(), Outcome::Kind::kRetry);
  std::promise<void> leave;
  const HttpServer server([&](const httplib::Request&, httplib::Response&) { leave.get_future().wait(); });
  EXPECT_EQ(run(server.url(), 50ms).kind(), Outcome::Kind::kRetry);
  leave.set_value();
}

TEST_F(HttpHandlerTest, AStoppedJobDoesNotWaitForTheAnswer) {
  std::promise<void> arrived;
  std::promise<void> leave;
  const HttpServer server([&](const httplib::Request&, httplib::Response&) {
    arrived.set_value();
    leave.get_future().wait();
  });
  const Thread stopper = start_thread("stopper", [&](const std::stop_token&) {
    arrived.get_future().wait();
    job.stop();
  });
  const Outcome outcome = run(server.url(), 1h);
  leave.set_value();
  EXPECT_EQ(outcome.kind(), Outcome::Kind::kRetry);
  EXPECT_EQ(outcome.text(), server.url() + ": stopped before it answered");
}

TEST_F(HttpHandlerTest, AHandlerThatCannotBeIsRefusedAtOnce) {
  EXPECT_EQ(http_handler("ftp://127.0.0.1/").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(http_handler("http://127.0.0.1/", {.timeout = 0s}).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(HttpHandlerTest, AWorkerPostsItsJobs) {
  std::atomic<int> posts{0};
  std::string agent;
  const HttpServer server([&](const httplib::Request& request, httplib::Response& response) {
    if (++posts == 1) agent = request.get_header_value("User-Agent");
    response.status = posts == 1 ? 500 : 200;
    response.set_content("resized", "text/plain");
  });
  TestKit kit;
  kit.handle("resize", http_handler(server.url(), {.user_agent = "images/2"}, kit.clock()).value());
  ASSERT_TRUE(Queue(kit.broker()).push(EncodedJob{"resize", "{}"}));
  EXPECT_EQ(kit.run_one().value().then, JobRun::Then::kRetry);
  kit.clock().advance(1h);
  EXPECT_EQ(kit.run_one().value().outcome->text(), "resized");
  EXPECT_EQ(agent, "images/2");
}

TEST_F(HttpHandlerTest, AHeaderThatHttpCannotCarryIsTheJobsEnd) {
  job.set_header("odd;name", "x");
  EXPECT_EQ(run("http://127.0.0.1:1/").kind(), Outcome::Kind::kDead);
}

}  // namespace
}  // namespace leat
