#include "core/base64.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

TEST(Base64, ThereAndBack) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""}, {"a", "YQ=="}, {"ab", "YWI="}, {std::string("\xff\xef\0", 3), "/+8A"}, {"leat", "bGVhdA=="}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64, WhatIsNoneIsRefused) {
  for (const char* text : {"YQ=", "Y?==", "Y===", "====", "YQ==YQ==", "YQ=a"}) EXPECT_FALSE(from_base64(text)) << text;
}

}  // namespace
}  // namespace leat
