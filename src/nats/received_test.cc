#include "nats/received.h"

#include <gtest/gtest.h>

#include "nats/login.h"
#include "nats/server_greeting.h"

namespace leat::nats {
namespace {

TEST(HeaderBlock, KeepsOrderAndTheFirstValue) {
  Headers headers;
  ASSERT_TRUE(parse_header_block("NATS/1.0\r\nb: 1\r\nA:2\r\nNats-Msg-Id: x\r\nb: 3\r\n\r\n", "Nats-", headers));
  Headers wanted;
  wanted.set("b", "1");
  wanted.set("A", "2");
  EXPECT_EQ(headers, wanted);
}

TEST(HeaderBlock, StatusLine) {
  Headers headers;
  EXPECT_TRUE(parse_header_block("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\n\r\n", {}, headers));
  EXPECT_EQ(headers.get("Nats-Pending-Messages"), "3");
}

TEST(HeaderBlock, CutOffOnesAreRefused) {
  for (const std::string_view block :
       {"", "NATS/1.0", "NATS/1.0\r\n", "NATS/1.0\r\na: b\r\n", "NATS/1.0\r\nab\r\n\r\n", "HTTP/1.1\r\n\r\n"}) {
    Headers headers;
    EXPECT_FALSE(parse_header_block(block, {}, headers)) << block;
  }
}

TEST(Greeting, NamesTheServer) {
  const auto greeting = parse_greeting(R"(INFO {"version":"2.15.1","api_lvl":5,"jetstream":true,"domain":"hub"})");
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->version, "2.15.1");
  EXPECT_EQ(greeting->api_level, 5);
  EXPECT_TRUE(greeting->jetstream);
  EXPECT_EQ(greeting->domain, "hub");
  EXPECT_FALSE(parse_greeting("HTTP/1.1 400 Bad Request"));
  EXPECT_FALSE(parse_greeting("INFO {"));
}

TEST(Nkey, WrongSeedsAreRefused) {
  EXPECT_FALSE(public_nkey(""));
  EXPECT_FALSE(public_nkey("SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(public_nkey("not a seed"));
}

}  // namespace
}  // namespace leat::nats
