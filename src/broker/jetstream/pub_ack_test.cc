#include "broker/jetstream/pub_ack.h"

#include <gtest/gtest.h>

namespace leat::jetstream {
namespace {

TEST(PubAck, StoredMessages) {
  for (const std::string_view text :
       {R"({"stream":"jobs", "seq":12})", R"({"stream":"jobs","seq":12})", R"({"seq":12,"stream":"jobs"})",
        R"({"stream":"jobs", "domain":"hub", "seq":12})", R"({"stream":"jobs","seq":12,"val":"3"})"}) {
    const auto ack = parse_pub_ack(text);
    ASSERT_TRUE(ack) << text;
    EXPECT_EQ(ack->sequence, 12u);
    EXPECT_FALSE(ack->duplicate);
    EXPECT_EQ(ack->error, 0);
  }
}

TEST(PubAck, Duplicates) {
  for (const std::string_view text :
       {R"({"stream":"jobs", "seq":12,"duplicate": true})", R"({"stream":"jobs","seq":12,"duplicate":true})",
        R"({"stream":"jobs", "domain":"hub", "seq":12, "duplicate": true})"}) {
    const auto ack = parse_pub_ack(text);
    ASSERT_TRUE(ack) << text;
    EXPECT_TRUE(ack->duplicate) << text;
  }
}

TEST(PubAck, Refusals) {
  const auto ack = parse_pub_ack(
      R"({"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 5"},"stream":"jobs","seq":0})");
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->error, 10071);
  EXPECT_EQ(ack->code, 400);
  EXPECT_EQ(ack->description, "wrong last sequence: 5");
  EXPECT_EQ(ack->sequence, 0u);
}

TEST(PubAck, AnythingElseIsNoAnswer) {
  for (const std::string_view text : {"", "{}", "[]", "+OK", R"({"stream":"jobs","seq":0})", R"({"stream":"jobs"})",
                                      R"({"stream":"jobs","seq":12)", R"({"error":{}})"}) {
    EXPECT_FALSE(parse_pub_ack(text)) << text;
  }
}

}  // namespace
}  // namespace leat::jetstream
