#include "http/http_server.h"

#include <gtest/gtest.h>

#include "http/http_client.h"

namespace leat {
namespace {

HttpResponse get(const HttpServer& server, const std::string& path) {
  HttpClient client;
  return *client.send({.method = HttpRequest::Method::kGet, .url = "http://" + server.address().text() + path}).value();
}

HttpResponse post(const HttpServer& server, const std::string& body) {
  HttpClient client;
  return *client.send({.url = "http://" + server.address().text() + "/page", .body = body}).value();
}

TEST(HttpServerTest, AnswersItsPages) {
  const auto server =
      HttpServer::start({.host = "127.0.0.1"}, {{"/page",
                                                 [] {
                                                   return HttpResponse{.status = 503,
                                                                       .headers = {{"Content-Type", "application/json"},
                                                                                   {"Cache-Control", "no-store"}},
                                                                       .body = "{}"};
                                                 }}})
          .value();
  const HttpResponse page = get(*server, "/page?query=1");
  EXPECT_EQ(page.status, 503);
  EXPECT_EQ(page.body, "{}");
  EXPECT_EQ(page.header("content-type"), "application/json");
  EXPECT_EQ(page.header("cache-control"), "no-store");
  EXPECT_EQ(get(*server, "/other").status, 404);
  EXPECT_GE(post(*server, "").status, 400);
  EXPECT_GE(post(*server, std::string(1000, 'x')).status, 400);
}

TEST(HttpServerTest, APortHasOneServer) {
  const auto server = HttpServer::start({.host = "127.0.0.1"}, {}).value();
  const auto second = HttpServer::start(server->address(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(second.error().message(), "cannot listen on " + server->address().text() + ": Address already in use");
}

TEST(HttpServerTest, AnAddressOfAnotherMachineIsRefused) {
  const auto server = HttpServer::start({.host = "192.0.2.1", .port = 8081}, {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), ErrorCode::kInvalidArgument);
}

TEST(HttpServerTest, AddressesAreTakenApart) {
  const std::vector<std::pair<std::string, std::string>> good{
      {"8081", "127.0.0.1:8081"}, {"0.0.0.0:80", "0.0.0.0:80"}, {"localhost:0", "localhost:0"}, {"[::1]:9", "[::1]:9"}};
  for (const auto& [text, same] : good) EXPECT_EQ(parse_http_address(text).value().text(), same);
  for (const char* text :
       {"", "host", "host:", ":80", "host:65536", "::1:80", "[]:80", "[host]:80", "a b:1", "http://h:1"})
    EXPECT_FALSE(parse_http_address(text)) << text;
}

}  // namespace
}  // namespace leat
