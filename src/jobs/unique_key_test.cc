#include "jobs/unique_key.h"

#include <gtest/gtest.h>

#include <set>

#include "leat/job.h"

namespace leat {
namespace {

TEST(UniqueKeyTest, EveryKeyIsATokenOfItsOwn) {
  std::set<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    for (const std::string tail : {"", "2E", "=", "."}) {
      const std::string token = encode_unique_key(std::string(1, static_cast<char>(byte)) + tail);
      EXPECT_TRUE(check_subject("a." + token)) << token;
      EXPECT_EQ(token.find('.'), token.npos);
      EXPECT_TRUE(tokens.insert(token).second) << token;
      EXPECT_TRUE(JobId::parse("medium.default." + token)) << token;
      EXPECT_EQ(decode_unique_key(token), std::string(1, static_cast<char>(byte)) + tail);
    }
  }
}

TEST(UniqueKeyTest, ReadableOnesStayReadable) {
  EXPECT_EQ(encode_unique_key("user-17_mail"), "u-user-17_mail");
  EXPECT_EQ(encode_unique_key("a.b c"), "u-a=2Eb=20c");
}

TEST(UniqueKeyTest, WhatIsNoTokenIsNotDecoded) {
  for (const std::string_view token : {"01J9ZK", "_01J9", "u", "u-=", "u-=4", "u-=4Z", "u-=-1"}) {
    EXPECT_FALSE(decode_unique_key(token)) << token;
  }
}

TEST(UniqueKeyTest, LengthIsChecked) {
  EXPECT_FALSE(check_unique_key(""));
  EXPECT_TRUE(check_unique_key(std::string(200, 'x')));
  EXPECT_FALSE(check_unique_key(std::string(201, 'x')));
}

TEST(UniqueKeyTest, OtherJobsAreNotUnique) {
  EXPECT_TRUE(is_unique({.subject = "leat.medium.default.u-a", .headers = {}, .payload = {}}));
  EXPECT_FALSE(is_unique({.subject = "leat.medium.u-a._", .headers = {}, .payload = {}}));
  EXPECT_FALSE(is_unique({.subject = "leat.medium.default.01J9ZK", .headers = {}, .payload = {}}));
}

}  // namespace
}  // namespace leat
