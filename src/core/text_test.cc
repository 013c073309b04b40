#include "core/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace leat {
namespace {

using namespace std::chrono_literals;

constexpr SystemTime kNewYear = std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + 12h;

TEST(Text, TimesAreWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(kNewYear), "2026-01-31T12:00:00.000Z");
  EXPECT_EQ(to_rfc3339(kNewYear + 123'999'999ns), "2026-01-31T12:00:00.123Z");
  EXPECT_EQ(to_rfc3339(SystemTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(SystemTime{} - 1ms), "1969-12-31T23:59:59.999Z");
}

TEST(Text, TimesAreReadWithAnyOffsetAndFraction) {
  const std::vector<std::pair<std::string, SystemTime>> cases{
      {"2026-01-31T12:00:00Z", kNewYear},
      {"2026-01-31t12:00:00z", kNewYear},
      {"2026-01-31 12:00:00Z", kNewYear},
      {"2026-01-31T12:00:00.5Z", kNewYear + 500ms},
      {"2026-01-31T12:00:00.123456789Z", kNewYear + 123'456'789ns},
      {"2026-01-31T14:30:00+02:30", kNewYear},
      {"2026-01-31T04:00:00-08:00", kNewYear},
      {"2024-02-29T00:00:00Z", SystemTime{std::chrono::sys_days{std::chrono::year{2024} / 2 / 29}}},
  };
  for (const auto& [text, time] : cases) EXPECT_EQ(from_rfc3339(text), time) << text;
  for (const std::string bad :
       {"", "2026", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+2:30", "2026-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00.1234567890Z", "2026-01-31T12:00:00Zx", "0000-01-01T00:00:00Z", "9999-01-01T00:00:00Z"}) {
    EXPECT_EQ(from_rfc3339(bad), std::nullopt) << bad;
  }
}

TEST(Text, Numbers) {
  EXPECT_EQ(parse_number("0"), 0u);
  EXPECT_EQ(parse_number("18446744073709551615"), 18'446'744'073'709'551'615u);
  for (const std::string bad : {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0", "18446744073709551616"}) {
    EXPECT_EQ(parse_number(bad), std::nullopt) << bad;
  }
}

TEST(Text, DurationsAreRead) {
  const std::vector<std::pair<std::string, Duration>> cases{
      {"500ms", 500ms}, {"30s", 30s}, {"5m", 5min},   {"2h", 2h},   {"7d", 168h},
      {"1.5s", 1500ms}, {"0s", 0s},   {"10us", 10us}, {"7ns", 7ns},
  };
  for (const auto& [text, duration] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, duration) << text;
  }
  for (const std::string bad : {"", "5", "s", "-5s", "5 s", "5sec", "1e3s", "inf", "nan", "1.2.3s"}) {
    const auto parsed = parse_duration(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(parsed.error().message().find("30s"), std::string::npos) << "says what is expected";
  }
  EXPECT_EQ(parse_duration("1000000000d").error().message(),
            "\"1000000000d\" is too long: a duration is up to 106000d");
}

TEST(Text, DurationsAreWrittenInTheirLargestUnit) {
  const std::vector<std::pair<Duration, std::string>> cases{
      {0s, "0s"}, {90s, "90s"}, {120s, "2m"}, {1500ms, "1500ms"}, {24h, "1d"}, {25h, "25h"}, {1ns, "1ns"},
  };
  for (const auto& [duration, text] : cases) {
    EXPECT_EQ(format_duration(duration), text);
    EXPECT_EQ(parse_duration(text).value(), duration);
  }
}

TEST(Text, PlainNames) {
  const std::vector<std::string> good{"a", "A_b-9", std::string(64, 'x')};
  const std::vector<std::string> bad{"", "a.b", "a b", "\xc3\xa4", "a/b", std::string(65, 'x')};
  for (const std::string& name : good) EXPECT_TRUE(is_plain_name(name)) << name;
  for (const std::string& name : bad) EXPECT_FALSE(is_plain_name(name)) << name;
}

TEST(Utf8, TextIsToldFromOtherBytes) {
  for (const char* text :
       {"", "plain", "\xc3\xa4", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  EXPECT_TRUE(is_utf8(std::string("a\0b", 3)));
  for (const char* bytes : {"\x80", "\xff", "\xc3", "\xc3(", "\xc0\xaf", "\xe0\x80\xaf", "\xe2\x82", "\xed\xa0\x80",
                            "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2(\xa1"})
    EXPECT_FALSE(is_utf8(bytes)) << bytes;
}

TEST(Text, LowerCaseIsOfAsciiLettersAlone) {
  EXPECT_EQ(lower_case("Europe/NEW_York 3Z@[`{\xC3\x84"), "europe/new_york 3z@[`{\xC3\x84");
}

}  // namespace
}  // namespace leat
