#include "leat/recurrence.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/text.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

// An expression, the time to begin after, and the times that it is due at, worked out with calendar and pencil.
struct RecurrenceCase {
  const char* expression;
  const char* zone;
  const char* after;
  std::vector<const char*> due;
};

SystemTime at(std::string_view text) {
  const auto time = from_rfc3339(text);
  EXPECT_TRUE(time) << text;
  return time.value_or(SystemTime{});
}

void check(const std::vector<RecurrenceCase>& cases) {
  for (const RecurrenceCase& row : cases) {
    SCOPED_TRACE(std::string(row.expression) + " in " + row.zone + " after " + row.after);
    const auto recurrence = Recurrence::cron(row.expression, row.zone);
    ASSERT_TRUE(recurrence) << recurrence.error().message();
    std::optional<SystemTime> time = at(row.after);
    for (const char* due : row.due) {
      time = recurrence->next(*time);
      ASSERT_TRUE(time);
      EXPECT_EQ(to_rfc3339(*time), to_rfc3339(at(due))) << due;
      time = at(due);
    }
  }
}

std::string expression_refusal(std::string_view expression, std::string_view zone = {}) {
  const auto recurrence = Recurrence::cron(expression, zone);
  if (recurrence) return "taken: " + recurrence->expression();
  EXPECT_EQ(recurrence.error().code(), ErrorCode::kInvalidArgument);
  return recurrence.error().message();
}

TEST(RecurrenceTest, Utc) {
  check({
      {"* * * * *", "", "2026-01-01T00:00:00Z", {"2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"}},
      {"* * * * *", "UTC", "2026-01-01T00:00:59.999Z", {"2026-01-01T00:01:00Z"}},
      {"*/15 * * * *", "", "2026-01-01T00:44:59Z", {"2026-01-01T00:45:00Z", "2026-01-01T01:00:00Z"}},
      {"5/15 * * * *", "", "2026-01-01T00:50:00Z", {"2026-01-01T01:05:00Z", "2026-01-01T01:20:00Z"}},
      {"10-40/10 9-17 * * *", "", "2026-01-01T17:40:00Z", {"2026-01-02T09:10:00Z", "2026-01-02T09:20:00Z"}},
      {"0 9 * * mon-fri", "", "2026-01-02T09:00:00Z", {"2026-01-05T09:00:00Z"}},  // Friday to Monday
      {"0 9 * * fri-mon", "", "2026-01-05T09:00:00Z", {"2026-01-09T09:00:00Z", "2026-01-10T09:00:00Z"}},
      {"0 0 * * 7", "", "2026-01-01T00:00:00Z", {"2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"}},
      {"0 0 1 * *", "", "2026-01-31T12:00:00Z", {"2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"}},
      {"0 0 31 * *", "", "2026-01-31T00:00:00Z", {"2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"}},
      {"59 23 31 12 *", "", "2026-12-31T23:59:00Z", {"2027-12-31T23:59:00Z"}},
      {"0 12 13 * fri", "", "2026-02-12T00:00:00Z", {"2026-02-13T12:00:00Z", "2026-02-20T12:00:00Z"}},
      {"0 12 13 * fri", "", "2026-01-09T12:00:00Z", {"2026-01-13T12:00:00Z", "2026-01-16T12:00:00Z"}},
      {"0 12 */2 * fri", "", "2026-01-09T12:00:00Z", {"2026-01-23T12:00:00Z"}},  // odd Fridays
      {"0 0 * nov-feb *", "", "2026-02-28T00:00:00Z", {"2026-11-01T00:00:00Z"}},
      {"@hourly", "", "2026-12-31T23:00:00Z", {"2027-01-01T00:00:00Z"}},
      {"@daily", "", "2026-02-28T00:00:00Z", {"2026-03-01T00:00:00Z"}},
      {"@weekly", "", "2026-01-01T00:00:00Z", {"2026-01-04T00:00:00Z"}},
      {"@monthly", "", "2026-12-01T00:00:00Z", {"2027-01-01T00:00:00Z"}},
      {"@yearly", "", "2026-01-01T00:00:00Z", {"2027-01-01T00:00:00Z"}},
      {"0 0 1 1 *", "", "1969-06-01T00:00:00Z", {"1970-01-01T00:00:00Z"}},
      {"30 5 * * *", "", "1960-02-28T05:30:00Z", {"1960-02-29T05:30:00Z"}},
  });
}

TEST(RecurrenceTest, LeapYears) {
  check({
      {"0 0 29 2 *", "", "2024-02-29T00:00:00Z", {"2028-02-29T00:00:00Z"}},
      {"0 0 29 2 *", "", "2096-02-29T00:00:00Z", {"2104-02-29T00:00:00Z"}},  // 2100 is none
      {"0 0 29 2 mon", "", "2026-02-23T00:00:00Z", {"2027-02-01T00:00:00Z"}},
      {"0 0 29 2 mon", "", "2028-02-28T00:00:00Z", {"2028-02-29T00:00:00Z"}},
      {"0 0 30 2 mon", "", "2026-02-23T00:00:00Z", {"2027-02-01T00:00:00Z"}},
      {"0 0 29 2 */6", "", "2026-01-01T00:00:00Z", {"2032-02-29T00:00:00Z"}},  // on a Sunday or a Saturday
  });
}

TEST(RecurrenceTest, Seconds) {
  check({
      {"*/20 * * * * *",
       "",
       "2026-01-01T00:00:00Z",
       {"2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"}},
      {"59 59 23 31 12 ?", "", "2026-01-01T00:00:00Z", {"2026-12-31T23:59:59Z", "2027-12-31T23:59:59Z"}},
      {"10 30 2 * * *",
       "Europe/Berlin",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:10+02:00"}},
      {"30 * * * * *", "Europe/Berlin", "2026-10-25T02:59:30+02:00", {"2026-10-25T02:00:30+01:00"}},
  });
}

// In 2026, 29 March has no 2:00 to 3:00, and 25 October has it twice.
TEST(RecurrenceTest, Berlin) {
  check({
      {"0 9 * * *", "Europe/Berlin", "2026-03-28T09:00:00+01:00", {"2026-03-29T09:00:00+02:00"}},
      {"30 2 * * *",
       "Europe/Berlin",
       "2026-03-28T02:30:00+01:00",
       {"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
      {"0 2 * * *",
       "Europe/Berlin",
       "2026-03-28T02:00:00+01:00",
       {"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
      {"59 1 * * *",
       "Europe/Berlin",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T01:59:00+01:00", "2026-03-30T01:59:00+02:00"}},
      {"0 3 * * *",
       "Europe/Berlin",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"}},
      {"0 2,3 * * *",
       "Europe/Berlin",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
      {"*/10 2 * * *",
       "Europe/Berlin",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
      {"*/20 1-3 * * *",
       "Europe/Berlin",
       "2026-03-29T01:40:00+01:00",
       {"2026-03-29T03:00:00+02:00", "2026-03-29T03:20:00+02:00"}},
      {"0 */2 * * *",
       "Europe/Berlin",
       "2026-03-28T23:00:00Z",
       {"2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"}},
      {"*/10 * * * *",
       "Europe/Berlin",
       "2026-03-29T01:40:00+01:00",
       {"2026-03-29T01:50:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:10:00+02:00"}},
      {"30 * * * *", "Europe/Berlin", "2026-03-29T01:30:00+01:00", {"2026-03-29T03:30:00+02:00"}},
      {"30 2 29 3 *",
       "Europe/Berlin",
       "2026-01-01T00:00:00Z",
       {"2026-03-29T03:00:00+02:00", "2027-03-29T02:30:00+02:00"}},
      {"* * 29 3 *", "Europe/Berlin", "2026-03-29T01:59:00+01:00", {"2026-03-29T03:00:00+02:00"}},
      {"30 2 * * *",
       "Europe/Berlin",
       "2026-10-24T02:30:00+02:00",
       {"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
      {"0 2 * * *",
       "Europe/Berlin",
       "2026-10-24T12:00:00Z",
       {"2026-10-25T02:00:00+02:00", "2026-10-26T02:00:00+01:00"}},
      {"0 3 * * *",
       "Europe/Berlin",
       "2026-10-24T12:00:00Z",
       {"2026-10-25T03:00:00+01:00", "2026-10-26T03:00:00+01:00"}},
      {"*/30 2 * * *",
       "Europe/Berlin",
       "2026-10-24T12:00:00Z",
       {"2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:00:00+01:00"}},
      {"30 2 * * *", "Europe/Berlin", "2026-10-25T02:00:00+01:00", {"2026-10-26T02:30:00+01:00"}},
      {"0 */2 * * *",
       "Europe/Berlin",
       "2026-10-25T00:00:00+02:00",
       {"2026-10-25T02:00:00+02:00", "2026-10-25T04:00:00+01:00"}},
      {"*/30 * * * *",
       "Europe/Berlin",
       "2026-10-25T02:00:00+02:00",
       {"2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:00:00+01:00"}},
      {"@hourly",
       "Europe/Berlin",
       "2026-10-25T02:00:00+02:00",
       {"2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"}},
      {"0 0-23 * * *", "Europe/Berlin", "2026-10-25T02:00:00+02:00", {"2026-10-25T02:00:00+01:00"}},
  });
}

TEST(RecurrenceTest, NewYork) {
  check({
      {"30 2 * * *",
       "America/New_York",
       "2026-03-07T12:00:00Z",
       {"2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
      {"15 1 * * *",
       "America/New_York",
       "2026-10-31T12:00:00Z",
       {"2026-11-01T01:15:00-04:00", "2026-11-02T01:15:00-05:00"}},
      {"0 17 * * 5", "America/New_York", "2026-10-30T17:00:00-04:00", {"2026-11-06T17:00:00-05:00"}},
      {"*/20 * * * *",
       "US/Eastern",
       "2026-11-01T01:40:00-04:00",
       {"2026-11-01T01:00:00-05:00", "2026-11-01T01:20:00-05:00"}},
  });
}

// Half an hour: 2:00 to 2:30 is left out on 4 October, and 1:30 to 2:00 comes twice on 5 April.
TEST(RecurrenceTest, LordHowe) {
  check({
      {"15 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-03T02:15:00+10:30",
       {"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
      {"30 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-03T02:30:00+10:30",
       {"2026-10-04T02:30:00+11:00", "2026-10-05T02:30:00+11:00"}},
      {"0,15,45 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-03T12:00:00+10:30",
       {"2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00"}},
      {"45 1 * * *",
       "Australia/Lord_Howe",
       "2026-04-04T01:45:00+11:00",
       {"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
      {"0 2 * * *", "Australia/Lord_Howe", "2026-04-04T02:00:00+11:00", {"2026-04-05T02:00:00+10:30"}},
      {"*/10 * * * *",
       "Australia/Lord_Howe",
       "2026-10-04T01:50:00+10:30",
       {"2026-10-04T02:30:00+11:00", "2026-10-04T02:40:00+11:00"}},
      {"*/10 * * * *",
       "Australia/Lord_Howe",
       "2026-04-05T01:50:00+11:00",
       {"2026-04-05T01:30:00+10:30", "2026-04-05T01:40:00+10:30"}},
      {"0 * * * *", "Australia/Lord_Howe", "2026-10-04T01:00:00+10:30", {"2026-10-04T03:00:00+11:00"}},
  });
}

TEST(RecurrenceTest, OtherZones) {
  check({
      {"0 0 * * *", "Asia/Kathmandu", "2026-05-01T00:00:00Z", {"2026-05-01T18:15:00Z", "2026-05-02T18:15:00Z"}},
      {"*/30 * * * *", "Asia/Kathmandu", "2026-05-01T00:00:00Z", {"2026-05-01T00:15:00Z", "2026-05-01T00:45:00Z"}},
      // On 4 November 2018 there was no midnight; on 16 February 2019 there were two hours before it.
      {"0 0 * * *",
       "America/Sao_Paulo",
       "2018-11-03T00:00:00-03:00",
       {"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
      {"30 0 * * sun",
       "America/Sao_Paulo",
       "2018-11-01T00:00:00Z",
       {"2018-11-04T01:00:00-02:00", "2018-11-11T00:30:00-02:00"}},
      {"@daily", "America/Sao_Paulo", "2019-02-16T00:00:00-02:00", {"2019-02-17T00:00:00-03:00"}},
      {"30 23 * * *",
       "America/Sao_Paulo",
       "2019-02-16T00:00:00-02:00",
       {"2019-02-16T23:30:00-02:00", "2019-02-17T23:30:00-03:00"}},
      // 30 December 2011 was left out.
      {"0 12 * * *",
       "Pacific/Apia",
       "2011-12-28T12:00:00-10:00",
       {"2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"}},
      {"@daily",
       "Pacific/Apia",
       "2011-12-29T00:00:00-10:00",
       {"2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"}},
      {"0 9 30 12 *",
       "Pacific/Apia",
       "2011-01-01T00:00:00Z",
       {"2011-12-31T00:00:00+14:00", "2012-12-30T09:00:00+14:00"}},
      {"0 * 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", {"2012-12-30T00:00:00+14:00"}},
      {"*/30 * * * *",
       "Pacific/Apia",
       "2011-12-29T23:00:00-10:00",
       {"2011-12-29T23:30:00-10:00", "2011-12-31T00:00:00+14:00"}},
      {"0 9 * * fri",
       "Pacific/Apia",
       "2011-12-23T12:00:00-10:00",
       {"2011-12-31T00:00:00+14:00", "2012-01-06T09:00:00+14:00"}},
  });
}

TEST(RecurrenceTest, TheExpressionMayNameTheZone) {
  for (const char* text : {"TZ=Asia/Kathmandu 0 9 * * *", " CRON_TZ=Asia/Kathmandu\t0 9 * * *"}) {
    const auto recurrence = Recurrence::cron(text);
    ASSERT_TRUE(recurrence) << recurrence.error().message();
    EXPECT_EQ(recurrence->zone(), "Asia/Kathmandu");
    EXPECT_EQ(recurrence->expression(), "0 9 * * *");
  }
  EXPECT_TRUE(Recurrence::cron("TZ=Asia/Kathmandu @daily", "Asia/Kathmandu"));
  EXPECT_EQ(expression_refusal("TZ=Asia/Kathmandu @daily", "UTC"),
            "cron \"TZ=Asia/Kathmandu @daily\": it names the time zone Asia/Kathmandu, and UTC is asked for");
  EXPECT_EQ(expression_refusal("TZ=UTC 61 * * * *"),
            "cron \"TZ=UTC 61 * * * *\": minute is 0 to 59, and 61 stands at position 8");
  EXPECT_EQ(expression_refusal("TZ=Europe/Berln @daily"),
            "cron \"TZ=Europe/Berln @daily\": there is no time zone \"Europe/Berln\": did you mean Europe/Berlin?");
  EXPECT_EQ(expression_refusal("TZ= 0 9 * * *"),
            "cron \"TZ= 0 9 * * *\": a time zone is named as in Europe/Berlin, and not so");
  EXPECT_NE(expression_refusal("TZ=UTC").find("there are 0"), std::string::npos);
}

TEST(RecurrenceTest, AnErrorNamesTheExpression) {
  EXPECT_EQ(expression_refusal("61 * * * *"), "cron \"61 * * * *\": minute is 0 to 59, and 61 stands at position 1");
  EXPECT_EQ(expression_refusal("0 9 * * *", "berlin"),
            "cron \"0 9 * * *\": there is no time zone \"berlin\": did you mean Europe/Berlin?");
  EXPECT_EQ(expression_refusal("0 9 \xE2\x80\x93 * *"),
            "a cron expression is printable ASCII, and a byte that is not stands at position 5");
  EXPECT_EQ(expression_refusal("0 9 * *\n*"),
            "a cron expression is printable ASCII, and a byte that is not stands at position 8");
  EXPECT_EQ(expression_refusal(std::string(257, ' ')), "a cron expression has at most 256 bytes, and this one has 257");
}

TEST(RecurrenceTest, AtAnInterval) {
  const auto recurrence = Recurrence::every(90s).value();
  EXPECT_EQ(recurrence.next(at("1970-01-01T00:00:00Z")), at("1970-01-01T00:01:30Z"));
  EXPECT_EQ(recurrence.next(at("1970-01-01T00:01:29.999999999Z")), at("1970-01-01T00:01:30Z"));
  EXPECT_EQ(recurrence.next(at("1969-12-31T23:59:59Z")), at("1970-01-01T00:00:00Z"));
  EXPECT_EQ(recurrence.expression(), "@every 90s");
  EXPECT_EQ(recurrence.zone(), "UTC");
}

TEST(RecurrenceTest, AnIntervalCountsFromItsAnchor) {
  const SystemTime anchor = at("2026-03-01T10:00:07.5Z");
  for (const Recurrence& recurrence :
       {Recurrence::every(2h, anchor).value(), Recurrence::cron("@every 2h").value().anchored(anchor)}) {
    EXPECT_EQ(recurrence.next(anchor), anchor + 2h);
    EXPECT_EQ(recurrence.next(anchor - 1ns), anchor);
    EXPECT_EQ(recurrence.next(anchor - 5h), anchor - 4h);
    EXPECT_EQ(recurrence.next(anchor + 100 * 24h + 1ns), anchor + 100 * 24h + 2h);
  }
  const auto daily = Recurrence::cron("@daily").value().anchored(anchor);
  EXPECT_EQ(daily.next(anchor), at("2026-03-02T00:00:00Z"));
}

TEST(RecurrenceTest, EveryReadsOneDuration) {
  EXPECT_EQ(Recurrence::cron("@every 120s").value().expression(), "@every 2m");
  EXPECT_EQ(Recurrence::cron(" @every\t1.5s ").value().expression(), "@every 1500ms");
  EXPECT_EQ(Recurrence::cron("@every 7d", "Europe/Berlin").value().zone(), "Europe/Berlin");
  EXPECT_TRUE(Recurrence::every(Duration(24h) * 3650));
  EXPECT_FALSE(Recurrence::every(Duration(24h) * 3650 + 1s));
  EXPECT_FALSE(Recurrence::every(1s + 1ns));
  EXPECT_FALSE(Recurrence::every(-2s));
  EXPECT_EQ(expression_refusal("@every 500ms"),
            "cron \"@every 500ms\": an interval is 1s to 3650d in whole milliseconds, and this one is 500ms");
  EXPECT_NE(expression_refusal("@every 1h30m").find("\"1h30m\" is no duration"), std::string::npos);
  EXPECT_NE(expression_refusal("@every").find("\"\" is no duration"), std::string::npos);
  EXPECT_NE(expression_refusal("@everything").find("is not known"), std::string::npos);
}

TEST(RecurrenceTest, TimeEnds) {
  for (const char* text : {"* * * * *", "0 0 29 2 *", "0 12 * * *", "@every 2d"}) {
    for (const char* zone : {"UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"}) {
      const auto recurrence = Recurrence::cron(text, zone).value();
      EXPECT_EQ(recurrence.next(SystemTime::max()), std::nullopt);
      EXPECT_EQ(recurrence.next(SystemTime::max() - 1s), std::nullopt);
      const auto first = recurrence.next(SystemTime::min());
      ASSERT_TRUE(first);
      EXPECT_LT(*first, SystemTime::min() + 5 * 366 * 24h);
    }
  }
}

TEST(RecurrenceTest, IsAValue) {
  const Recurrence noon = Recurrence::cron("0 12 * * *").value();
  Recurrence copy = noon;
  const Recurrence moved = std::move(copy);
  copy = Recurrence::every(1h).value();
  EXPECT_EQ(moved.expression(), noon.expression());
  EXPECT_EQ(copy.expression(), "@every 1h");
  copy = *&copy;
  EXPECT_EQ(copy.expression(), "@every 1h");
}

}  // namespace
}  // namespace leat
