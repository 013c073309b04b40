#include "jobs/cron_parser.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace leat {
namespace {

CronSet set_of(std::initializer_list<unsigned> numbers) {
  CronSet set = 0;
  for (const unsigned number : numbers) set |= CronSet{1} << number;
  return set;
}

CronExpression parsed(std::string_view text) {
  const auto cron = parse_cron(text);
  EXPECT_TRUE(cron) << text << ": " << cron.error().message();
  return cron ? *cron : CronExpression{};
}

std::string refusal(std::string_view text) {
  const auto cron = parse_cron(text);
  if (cron) return "taken: " + std::string(text);
  EXPECT_EQ(cron.error().code(), ErrorCode::kInvalidArgument);
  return cron.error().message();
}

TEST(CronParserTest, ListsRangesAndSteps) {
  EXPECT_EQ(parsed("0,30 * * * *").minutes, set_of({0, 30}));
  EXPECT_EQ(parsed("*/20 * * * *").minutes, set_of({0, 20, 40}));
  EXPECT_EQ(parsed("10-40/10 * * * *").minutes, set_of({10, 20, 30, 40}));
  EXPECT_EQ(parsed("5/15 * * * *").minutes, set_of({5, 20, 35, 50}));
  EXPECT_EQ(parsed("1,5-7,50/5 * * * *").minutes, set_of({1, 5, 6, 7, 50, 55}));
  EXPECT_EQ(parsed("59 * * * *").minutes, set_of({59}));
  EXPECT_EQ(parsed("007 * * * *").minutes, set_of({7}));
  EXPECT_EQ(parsed("0 */7 * * *").hours, set_of({0, 7, 14, 21}));
  EXPECT_EQ(parsed("0 0 */10 * *").days, set_of({1, 11, 21, 31}));
  EXPECT_EQ(parsed("0 0 1 */5 *").months, set_of({1, 6, 11}));
}

TEST(CronParserTest, ASecondGoesFirst) {
  EXPECT_EQ(parsed("1 2 3 4 5").seconds, set_of({0}));
  const CronExpression cron = parsed("15,45 1 2 3 4 5");
  EXPECT_EQ(cron.seconds, set_of({15, 45}));
  EXPECT_EQ(cron.minutes, set_of({1}));
  EXPECT_EQ(cron.hours, set_of({2}));
  EXPECT_EQ(cron.days, set_of({3}));
  EXPECT_EQ(cron.months, set_of({4}));
  EXPECT_EQ(cron.weekdays, set_of({5}));
}

TEST(CronParserTest, NamesInAnyCase) {
  EXPECT_EQ(parsed("0 0 * JAN,mar-May,dEc *").months, set_of({1, 3, 4, 5, 12}));
  EXPECT_EQ(parsed("0 0 * * Mon-FRI").weekdays, set_of({1, 2, 3, 4, 5}));
  EXPECT_EQ(parsed("0 0 * * sun,6").weekdays, set_of({0, 6}));
}

TEST(CronParserTest, SundayIsZeroAndSeven) {
  EXPECT_EQ(parsed("0 0 * * 7").weekdays, set_of({0}));
  EXPECT_EQ(parsed("0 0 * * 5-7").weekdays, set_of({0, 5, 6}));
  EXPECT_EQ(parsed("0 0 * * 1-7").weekdays, kCronWeekday.all());
  EXPECT_EQ(parsed("0 0 * * 0-7").weekdays, kCronWeekday.all());
  EXPECT_EQ(parsed("0 0 * * 7-7").weekdays, set_of({0}));
  EXPECT_EQ(parsed("0 0 * * 7-2").weekdays, set_of({0, 1, 2}));
  EXPECT_EQ(parsed("0 0 * * 1-7/3").weekdays, set_of({0, 1, 4}));
  EXPECT_EQ(parsed("0 0 * * 7/3").weekdays, set_of({0, 3, 6}));
  EXPECT_EQ(parsed("0 0 * * */2").weekdays, set_of({0, 2, 4, 6}));
}

TEST(CronParserTest, WeekdaysAndMonthsGoOverTheEnd) {
  EXPECT_EQ(parsed("0 0 * * fri-mon").weekdays, set_of({0, 1, 5, 6}));
  EXPECT_EQ(parsed("0 0 * * fri-mon/2").weekdays, set_of({0, 5}));
  EXPECT_EQ(parsed("0 0 * * sat-sun").weekdays, set_of({0, 6}));
  EXPECT_EQ(parsed("0 0 * nov-feb *").months, set_of({1, 2, 11, 12}));
  EXPECT_EQ(parsed("0 0 * 12-1 *").months, set_of({1, 12}));
}

TEST(CronParserTest, AStarInADayFieldFreesIt) {
  EXPECT_TRUE(parsed("0 0 1 * mon").either_day);
  EXPECT_FALSE(parsed("0 0 1 * *").either_day);
  EXPECT_FALSE(parsed("0 0 * * mon").either_day);
  EXPECT_FALSE(parsed("0 0 */2 * mon").either_day);
  EXPECT_FALSE(parsed("0 0 ? * mon").either_day);
  EXPECT_FALSE(parsed("0 0 1 * ?").either_day);
  EXPECT_TRUE(parsed("0 0 1,*/2 * mon").either_day);  // it does not begin with one
}

TEST(CronParserTest, NamesStandForFields) {
  EXPECT_EQ(parsed("@yearly"), parsed("0 0 1 1 *"));
  EXPECT_EQ(parsed("@annually"), parsed("0 0 1 1 *"));
  EXPECT_EQ(parsed("@monthly"), parsed("0 0 1 * *"));
  EXPECT_EQ(parsed("@weekly"), parsed("0 0 * * sun"));
  EXPECT_EQ(parsed("@daily"), parsed("0 0 * * *"));
  EXPECT_EQ(parsed(" @Midnight\t"), parsed("0 0 * * *"));
  EXPECT_EQ(parsed("@hourly"), parsed("0 * * * *"));
}

TEST(CronParserTest, OneMeaningHasOneText) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"* * * * *", "* * * * *"},
      {"  0\t9  * * MON-FRI ", "0 9 * * 1-5"},
      {"0 0 9 * * 1,2,3,4,5", "0 9 * * 1-5"},
      {"0-59 0-23 1-31 1-12 0-7", "* * * * *"},
      {"0 0 ? * ?", "0 0 * * *"},
      {"0-58/2 */1 * * *", "*/2 * * * *"},
      {"5/15 * * * *", "5-50/15 * * * *"},
      {"0,30 1,2 3,4,5 1,3,5,7 *", "0,30 1,2 3-5 1-7/2 *"},
      {"*/30 * * * * *", "0,30 * * * * *"},
      {"*/20 * * * * *", "*/20 * * * * *"},
      {"0 0 * * fri-mon", "0 0 * * 0,1,5,6"},
      {"0 0 1-31/2 * *", "0 0 */2 * *"},
      {"0 0 1-31/2 * 1", "0 0 1-31/2 * 1"},
      {"0 0 */2 * 1", "0 0 */2 * 1"},
      {"0 0 */10,5 * 1-5", "0 0 */10,5 * 1-5"},
      {"0 0 1-31 * mon", "0 0 * * *"},  // each day is one of 1-31
      {"0 0 1-31 * */6", "0 0 * * 0,6"},
      {"0 0 1,31 * *", "0 0 1,31 * *"},
      {"@weekly", "0 0 * * 0"},
  };
  for (const auto& [written, text] : cases) {
    EXPECT_EQ(parsed(written).text(), text) << written;
    EXPECT_EQ(parsed(text), parsed(written)) << written;
    EXPECT_EQ(parsed(text).text(), text) << written;
  }
}

TEST(CronParserTest, AnErrorSaysWhatStandsWhere) {
  EXPECT_EQ(refusal("61 * * * *"), "minute is 0 to 59, and 61 stands at position 1");
  EXPECT_EQ(refusal("0 24 * * *"), "hour is 0 to 23, and 24 stands at position 3");
  EXPECT_EQ(refusal("0 0 0 * *"), "day of month is 1 to 31, and 0 stands at position 5");
  EXPECT_EQ(refusal("0 0 * 13 *"), "month is 1 to 12 or jan to dec, and 13 stands at position 7");
  EXPECT_EQ(refusal("0 0 * * 8"), "day of week is 0 to 7 or sun to sat, and 8 stands at position 9");
  EXPECT_EQ(refusal("60 0 0 * * *"), "second is 0 to 59, and 60 stands at position 1");
  EXPECT_EQ(refusal("0 0 * * monday"), "day of week is 0 to 7 or sun to sat, and \"monday\" stands at position 9");
  EXPECT_EQ(refusal("1,,2 * * * *"), "minute is 0 to 59, and nothing stands at position 3");
  EXPECT_EQ(refusal("1, * * * *"), "minute is 0 to 59, and nothing stands at position 3");
  EXPECT_EQ(refusal(",1 * * * *"), "minute is 0 to 59, and nothing stands at position 1");
  EXPECT_EQ(refusal("5- * * * *"), "minute is 0 to 59, and nothing stands at position 3");
  EXPECT_EQ(refusal("1-2-3 * * * *"), "minute is 0 to 59, and \"2-3\" stands at position 3");
  EXPECT_EQ(refusal("*-3 * * * *"), "minute is 0 to 59, and \"*\" stands at position 1");
  EXPECT_EQ(refusal("0 0 1L * *"), "day of month is 1 to 31, and \"1L\" stands at position 5");
  EXPECT_EQ(refusal("? * * * *"), "minute is 0 to 59, and \"?\" stands at position 1");
  EXPECT_EQ(refusal("0 0 ?/2 * *"), "day of month is 1 to 31, and \"?\" stands at position 5");
  EXPECT_EQ(refusal("99999999999999999999 * * * *"),
            "minute is 0 to 59, and \"99999999999999999999\" stands at position 1");
}

TEST(CronParserTest, StepsThatWouldNotStep) {
  EXPECT_EQ(refusal("*/0 * * * *"),
            "the step of minute is 1 to 59 (write @every 90m for longer ones), and 0 stands at position 3");
  EXPECT_EQ(refusal("*/90 * * * *"),
            "the step of minute is 1 to 59 (write @every 90m for longer ones), and 90 stands at position 3");
  EXPECT_EQ(refusal("0 0 */31 * *"), "the step of day of month is 1 to 30, and 31 stands at position 7");
  EXPECT_EQ(refusal("0 0 * * */7"), "the step of day of week is 1 to 6, and 7 stands at position 11");
  EXPECT_EQ(refusal("0 0 * */ *"), "the step of month is 1 to 11, and nothing stands at position 9");
  EXPECT_EQ(refusal("0 0 * */2/2 *"), "the step of month is 1 to 11, and \"2/2\" stands at position 9");
}

TEST(CronParserTest, ReversedRanges) {
  EXPECT_EQ(refusal("0 22-3 * * *"), "the range 22-3 of hour at position 3 is reversed: write 22-23,0-3");
  EXPECT_EQ(refusal("40-10 * * * *"), "the range 40-10 of minute at position 1 is reversed: write 40-59,0-10");
  EXPECT_EQ(refusal("0 0 28-2 * *"), "the range 28-2 of day of month at position 5 is reversed: write 28-31,1-2");
}

TEST(CronParserTest, TheNumberOfFields) {
  for (const char* text : {"", " ", "*", "* * * *", "* * * * * * *"}) {
    EXPECT_NE(refusal(text).find("5 fields are expected"), std::string::npos) << text;
  }
}

TEST(CronParserTest, WhatCanNeverBeDue) {
  for (const char* text : {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30,31 feb ?", "0 0 31 4 */2"}) {
    EXPECT_EQ(refusal(text), "it can never be due: none of its months has such a day") << text;
  }
  EXPECT_TRUE(parse_cron("0 0 29 2 *"));
  EXPECT_TRUE(parse_cron("0 0 30 2 mon"));  // the Mondays of February
  EXPECT_TRUE(parse_cron("0 0 31 1-4 *"));
  EXPECT_TRUE(parse_cron("0 0 */30 2 *"));  // the 1st
}

TEST(CronParserTest, UnknownNames) {
  for (const char* text : {"@", "@dayly", "@daily 0", "@reboot"}) {
    EXPECT_NE(refusal(text).find("is not known; there are @yearly"), std::string::npos) << text;
  }
}

TEST(CronParserTest, PositionsCountFromWhereTheTextStands) {
  const auto cron = parse_cron(" 61 * * * *", 10);
  ASSERT_FALSE(cron);
  EXPECT_EQ(cron.error().message(), "minute is 0 to 59, and 61 stands at position 11");
}

}  // namespace
}  // namespace leat
