#include "pipeline/clickhouse/range_record.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

RangeRecord some_record() {
  RangeRecord record{.stream = "events", .created = SystemTime(Duration(42)), .epoch = 1, .done = 10, .owner = "o.1"};
  record.in_hand = RangeInHand{.first = 11, .last = 30, .messages = 20, .filter = "events.>", .mapping = "7"};
  return record;
}

TEST(RangeRecordTest, ComesBackAsItWas) {
  RangeRecord record = some_record();
  record.in_hand->progress = {.settled = 5, .refused = {{0, 20}, {5, 10}}, .refused_in_a_row = 3, .code = 395};
  const auto back = parse_range_record(to_text(record)).value();
  EXPECT_EQ(to_text(back), to_text(record));
  EXPECT_EQ(back.created, record.created);
  EXPECT_EQ(back.in_hand->progress.settled, 5U);
  EXPECT_EQ(back.in_hand->progress.refused, record.in_hand->progress.refused);
  EXPECT_EQ(back.in_hand->progress.refused_in_a_row, 3U);
  EXPECT_EQ(back.in_hand->progress.code, 395);
  EXPECT_TRUE(back.in_hand->dense());
  record.in_hand.reset();
  EXPECT_FALSE(parse_range_record(to_text(record))->in_hand);
}

TEST(RangeRecordTest, WhatIsNoRecordIsRefused) {
  const std::string good = to_text(some_record());
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string text = good;
    text.replace(text.find(what), what.size(), instead);
    return parse_range_record(text);
  };
  for (const char* bad : {"", "[]", "{}", "{\"version\":1}", "null"}) {
    EXPECT_EQ(parse_range_record(bad).error().code(), ErrorCode::kCorrupt) << bad;
  }
  EXPECT_FALSE(with("\"version\":1", "\"version\":2"));
  EXPECT_FALSE(with("\"first\":11", "\"first\":12"));
  EXPECT_FALSE(with("\"last\":30", "\"last\":9"));
  EXPECT_FALSE(with("\"messages\":20", "\"messages\":21"));
  EXPECT_FALSE(with("\"done\":10", "\"done\":\"10\""));
  EXPECT_TRUE(with("\"messages\":20", "\"messages\":0"));
}

TEST(RangeRecordTest, TheNameTellsEveryRangeFromEveryOther) {
  RangeRecord record = some_record();
  EXPECT_EQ(range_name("numbers", record, *record.in_hand), "leat/numbers/events/42.1/11-30");
}

}  // namespace
}  // namespace leat
