#include "leat/message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace leat {
namespace {

std::string entry(const std::string& name, const std::string& value) {
  std::string bytes{static_cast<char>(name.size()), '\0', static_cast<char>(value.size()), '\0', '\0', '\0'};
  return bytes + name + value;
}

TEST(Headers, SetGetErase) {
  Headers headers;
  EXPECT_TRUE(headers.empty());
  headers.set("a", "1");
  headers.set("b", "2");
  headers.set("a", "three");
  EXPECT_EQ(headers.get("a"), "three");
  EXPECT_EQ(headers.get("b"), "2");
  EXPECT_EQ(headers.get("A"), std::nullopt);
  headers.erase("b");
  headers.erase("missing");
  EXPECT_EQ(headers.get("b"), std::nullopt);
  headers.erase("a");
  EXPECT_TRUE(headers.empty());
  EXPECT_TRUE(headers.begin() == headers.end());
}

TEST(Headers, KeepTheirOrder) {
  Headers headers;
  for (const std::string name : {"z", "a", "m"}) headers.set(name, name + name);
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) {
    names.emplace_back(name);
    EXPECT_EQ(value, std::string(name) + std::string(name));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"z", "a", "m"}));
}

TEST(Headers, StoredFormIsAsTheSpecificationSays) {
  Headers headers;
  headers.set("name", "value");
  headers.set("x", std::string(300, 'v'));
  const std::string lengths{"\x01\x00\x2c\x01\x00\x00", 6};
  EXPECT_EQ(headers.encoded(), entry("name", "value") + lengths + "x" + std::string(300, 'v'));
  const auto again = Headers::from_encoded(headers.encoded());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, headers);
}

TEST(Headers, EveryCutOffStoredFormIsCorrupt) {
  const std::string whole = entry("name", "value") + entry("second", "x");
  const std::size_t first = entry("name", "value").size();
  for (std::size_t length = 1; length < whole.size(); ++length) {
    const auto read = Headers::from_encoded(whole.substr(0, length));
    if (length == first) {
      EXPECT_TRUE(read);
    } else {
      ASSERT_FALSE(read) << length;
      EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt);
    }
  }
  EXPECT_TRUE(Headers::from_encoded(""));
  EXPECT_FALSE(Headers::from_encoded(std::string("\x01\x00\xff\xff\xff\xffx", 7)));
}

TEST(Headers, NameThatIsStoredTwiceIsReplacedAsOne) {
  auto headers = Headers::from_encoded(entry("name", "1") + entry("other", "2") + entry("name", "3"));
  ASSERT_TRUE(headers);
  headers->set("name", "4");
  EXPECT_EQ(headers->get("name"), "4");
  EXPECT_EQ(headers->encoded(), entry("other", "2") + entry("name", "4"));
}

TEST(Headers, WhatABrokerRefuses) {
  struct Case {
    std::string name, value;
    bool valid;
  };
  const std::vector<Case> cases{
      {"Leat-Kind", "send_email", true},
      {"!#$%&'*+-.^_`|~", "any text: with = and \xc3\xa4", true},
      {std::string(255, 'n'), std::string(60'000, 'v'), true},
      {"", "v", false},
      {"a b", "v", false},
      {"a:b", "v", false},
      {"a\x7f", "v", false},
      {"\xc3\xa4", "v", false},
      {std::string(256, 'n'), "v", false},
      {"n", "", false},
      {"n", " v", false},
      {"n", "v ", false},
      {"n", "a\nb", false},
      {"n", "a\rb", false},
      {"n", std::string("a\0b", 3), false},
      {std::string(255, 'n'), std::string(63'736, 'v'), false},
  };
  for (const Case& c : cases) {
    Headers headers;
    headers.set("before", "fine");
    headers.set(c.name, c.value);
    const auto checked = check_headers(headers);
    EXPECT_EQ(checked.has_value(), c.valid) << c.name << ": " << c.value.substr(0, 20);
    EXPECT_TRUE(checked || checked.error().code() == ErrorCode::kInvalidArgument);
  }
}

TEST(Subjects, WhatIsOneAndWhatIsAFilter) {
  struct Case {
    std::string text;
    bool subject, filter;
  };
  const std::vector<Case> cases{
      {"a", true, true},          {"a.b.c", true, true},     {"leat.high.default.01J9", true, true},
      {"\xc3\xa4.b", true, true}, {"a.*", false, true},      {"*", false, true},
      {">", false, true},         {"a.>", false, true},      {"*.b.>", false, true},
      {"", false, false},         {".", false, false},       {"a.", false, false},
      {".a", false, false},       {"a..b", false, false},    {"a b", false, false},
      {"a\tb", false, false},     {"a.b\x7f", false, false}, {"a.b*", false, false},
      {"a.*b", false, false},     {">.a", false, false},     {"a.>.b", false, false},
      {"a>", false, false},       {"**", false, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(check_subject(c.text).has_value(), c.subject) << c.text;
    EXPECT_EQ(check_filter(c.text).has_value(), c.filter) << c.text;
  }
}

TEST(Subjects, AreNoLongerThanALineOfTheProtocolHolds) {
  EXPECT_TRUE(check_subject(std::string(2000, 's')));
  const auto refused = check_subject(std::string(2001, 's'));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("2001 bytes; the limit is 2,000"), std::string::npos);
}

TEST(Subjects, FiltersSelectThem) {
  struct Case {
    std::string filter, subject;
    bool matches;
  };
  const std::vector<Case> cases{
      {">", "a", true},        {">", "a.b.c", true},   {"a", "a", true},          {"a", "b", false},
      {"a", "a.b", false},     {"a.b", "a", false},    {"a.*", "a.b", true},      {"a.*", "a", false},
      {"a.*", "a.b.c", false}, {"*", "a", true},       {"*", "a.b", false},       {"*.b", "a.b", true},
      {"a.>", "a.b", true},    {"a.>", "a.b.c", true}, {"a.>", "a", false},       {"*.*.c", "a.b.c", true},
      {"*.>", "a", false},     {"*.>", "a.b", true},   {"a.*.c", "a.b.d", false}, {"ab", "a", false},
      {"a", "ab", false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(subject_matches(c.filter, c.subject), c.matches) << c.filter << " " << c.subject;
}

}  // namespace
}  // namespace leat
