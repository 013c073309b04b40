#include "http/http_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "core/thread.h"
#include "http/http_url.h"
#include "http/retry_after.h"
#include "tests/support/http_server.h"
#include "tests/support/nats_server.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

struct HttpClientTest : ::testing::Test {
  void SetUp() override { setenv("no_proxy", "127.0.0.1", 1); }

  HttpClient client{{.user_agent = "leat-test"}};

  HttpResponse get(const HttpRequest& request) { return client.send(request).value().value(); }
};

TEST_F(HttpClientTest, WhatGoesOutAndWhatComesBack) {
  const test::HttpServer server([](const httplib::Request& request, httplib::Response& response) {
    response.status = 202;
    response.set_header("X-Seen", request.get_header_value("X-Name") + "|" + request.get_header_value("User-Agent") +
                                      "|" + request.path + "|" + std::to_string(request.has_header("Expect")));
    response.set_content(request.body + "!", "text/plain");
  });
  const std::string body(2'000'000, 'b');
  const HttpResponse response = get({.url = server.url("/a%20b?c=d"),
                                     .headers = {{"X-Name", "a; b"}, {"Content-Type", "text/plain"}, {"X-Empty", ""}},
                                     .body = body,
                                     .max_body = 3'000'000});
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.header("x-seen"), "a; b|leat-test|/a b|0");
  EXPECT_EQ(response.header("X-None"), std::nullopt);
  EXPECT_TRUE(response.body == body + "!");
  EXPECT_EQ(get({.method = HttpRequest::Method::kGet, .url = server.url()}).body, "!");
}

TEST_F(HttpClientTest, EveryStatusIsAResponseAndRedirectsAreNotFollowed) {
  const test::HttpServer server([](const httplib::Request& request, httplib::Response& response) {
    response.status = std::stoi(request.path.substr(1));
    response.set_header("Location", "/200");
  });
  for (const int status : {200, 204, 302, 307, 404, 500})
    EXPECT_EQ(get({.url = server.url("/" + std::to_string(status))}).status, status);
}

TEST_F(HttpClientTest, AConnectionIsUsedAgain) {
  std::atomic<int> connections{0};
  std::atomic<int> last_port{0};
  const test::HttpServer server([&](const httplib::Request& request, httplib::Response&) {
    if (last_port.exchange(request.remote_port) != request.remote_port) ++connections;
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get({.url = server.url()}).status, 200);
  EXPECT_EQ(connections, 1);
}

TEST_F(HttpClientTest, ThreadsAskSideBySide) {
  std::atomic<int> inside{0};
  const test::HttpServer server([&](const httplib::Request& request, httplib::Response& response) {
    ++inside;
    while (inside < 4) std::this_thread::yield();  // until all are here
    response.set_content(request.body, "text/plain");
  });
  ThreadPool pool("ask", 4, [&](std::size_t number, const std::stop_token&) {
    const std::string body = std::to_string(number);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(get({.url = server.url(), .body = body}).body, body);
  });
  pool.stop();
}

TEST_F(HttpClientTest, ALargeBodyIsCut) {
  const test::HttpServer server([](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(1'000'000, 'x'), "text/plain");
  });
  const HttpResponse cut = get({.url = server.url(), .max_body = 1000});
  EXPECT_EQ(cut.status, 200);
  EXPECT_EQ(cut.body, std::string(1000, 'x'));
  EXPECT_EQ(cut.body_is, HttpResponse::Body::kCut);
  const HttpResponse whole = get({.url = server.url(), .max_body = 1'000'000});
  EXPECT_EQ(whole.body.size(), 1'000'000U);
  EXPECT_EQ(whole.body_is, HttpResponse::Body::kWhole);
}

TEST_F(HttpClientTest, AStopEndsTheWait) {
  std::promise<void> arrived;
  std::promise<void> leave;
  std::stop_source stop;
  const test::HttpServer server([&](const httplib::Request&, httplib::Response&) {
    arrived.set_value();
    leave.get_future().wait();
  });
  const Thread stopper = start_thread("stopper", [&](const std::stop_token&) {
    arrived.get_future().wait();
    stop.request_stop();
  });
  const auto stopped = client.send({.url = server.url(), .timeout = 1h}, stop.get_token());
  leave.set_value();
  ASSERT_TRUE(stopped) << stopped.error().message();
  EXPECT_FALSE(*stopped);
  const auto again = client.send({.url = server.url()}, stop.get_token());
  EXPECT_TRUE(again && !*again);
}

TEST_F(HttpClientTest, ATimeOutIsAnAnswerThatWasLost) {
  std::promise<void> leave;
  const test::HttpServer server([&](const httplib::Request&, httplib::Response&) { leave.get_future().wait(); });
  const auto late = client.send({.url = server.url("/slow"), .timeout = 1s});
  leave.set_value();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kUnknown);
  EXPECT_TRUE(late.error().message().starts_with(server.url("/slow") + ": ")) << late.error().message();
}

TEST_F(HttpClientTest, NobodyThere) {
  const std::string address = "http://127.0.0.1:" + std::to_string(test::free_port()) + "/";
  const auto refused = client.send({.url = address});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message().find(address), std::string::npos) << refused.error().message();
}

TEST_F(HttpClientTest, TlsServersAreChecked) {
  const test::HttpServer server([](const httplib::Request&, httplib::Response& response) { response.status = 201; },
                                test::HttpServer::Tls::kYes);
  const auto untrusted = client.send({.url = server.url()});
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().code(), ErrorCode::kDenied) << untrusted.error().message();
  HttpClient trusting({.ca_file = server.ca_file()});
  const auto response = trusting.send({.url = server.url()});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ((*response)->status, 201);
}

TEST_F(HttpClientTest, BadRequestsAreRefusedAndKeepTheirSecrets) {
  for (const char* url :
       {"", "example", "ftp://ada:secret@h/", "http://", "http://h h/", "http://ada:secret@h:99999/"}) {
    const auto refused = client.send({.url = url});
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << url;
    EXPECT_EQ(refused.error().message().find("secret"), std::string::npos) << refused.error().message();
  }
  for (const HttpHeaders& headers :
       {HttpHeaders{{"A", "b\r\nC: d"}}, HttpHeaders{{"A:B", "c"}}, HttpHeaders{{"", "c"}}})
    EXPECT_EQ(client.send({.url = "http://127.0.0.1", .headers = headers}).error().code(), ErrorCode::kInvalidArgument);
}

TEST(HttpUrlTest, ThePublicPartHasNoSecrets) {
  EXPECT_EQ(public_part("https://ada:secret@hooks.example:8443/orders?key=secret#x"),
            "https://hooks.example:8443/orders");
  EXPECT_EQ(public_part("http://[::1]/"), "http://[::1]/");
  EXPECT_EQ(public_part("ada:secret@x y"), "(no URL)");
}

TEST(RetryAfterTest, SecondsAndDates) {
  const SystemTime now = SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)) + 500ms;
  const std::vector<std::pair<const char*, std::optional<Duration>>> cases{
      {"7", 7s},
      {"0", std::nullopt},
      {"", std::nullopt},
      {"soon", std::nullopt},
      {"-5", std::nullopt},
      {"86401", 24h},
      {"99999999999999999999999", 24h},
      {"Fri, 20 Nov 2026 00:01:30 GMT", 90s},
      {"Friday, 20-Nov-26 00:01:30 GMT", 90s},
      {"Thu, 19 Nov 2026 23:59:59 GMT", std::nullopt},
      {"Fri, 20 Nov 9999 00:01:30 GMT", 24h},
  };
  for (const auto& [text, wait] : cases)
    EXPECT_EQ(retry_after({.headers = {{"retry-after", text}}}, now), wait) << text;
  EXPECT_EQ(retry_after({}, now), std::nullopt);
}

}  // namespace
}  // namespace leat
