#include "jobs/timetable.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

using namespace std::chrono_literals;
using Sequences = std::vector<std::uint64_t>;

constexpr SystemTime kNow{1'000s};

TEST(TimetableTest, TheEarliestComesFirst) {
  Timetable timetable;
  timetable.add(kNow - 1s, 7);
  timetable.add(kNow + 1s, 3);
  timetable.add(kNow - 2s, 9);
  timetable.add(kNow - 2s, 5);
  EXPECT_EQ(timetable.next(), kNow - 2s);
  EXPECT_EQ(timetable.take_due(kNow, 10, 10), (Sequences{5, 9, 7}));
  EXPECT_EQ(timetable.take_due(kNow, 10, 10), Sequences{});
  EXPECT_EQ(timetable.next(), kNow + 1s);
}

TEST(TimetableTest, ARowMayBeLonger) {
  Timetable timetable;
  for (std::uint64_t sequence = 1; sequence <= 9; ++sequence) timetable.add(kNow, sequence);
  EXPECT_EQ(timetable.take_due(kNow, 2, 5), (Sequences{1, 2, 3, 4, 5}));
  EXPECT_EQ(timetable.take_due(kNow, 2, 5), (Sequences{6, 7, 8, 9}));
}

TEST(TimetableTest, ARowEndsAtAGap) {
  Timetable timetable;
  for (const std::uint64_t sequence : {1, 2, 3, 5, 6, 7, 8}) timetable.add(kNow, sequence);
  EXPECT_EQ(timetable.take_due(kNow, 2, 5), (Sequences{1, 2, 3}));
  EXPECT_EQ(timetable.take_due(kNow, 6, 6), (Sequences{5, 6, 7, 8}));
}

TEST(TimetableTest, WhatIsNoRowIsNoLonger) {
  Timetable timetable;
  for (const std::uint64_t sequence : {1, 3, 4, 5, 6}) timetable.add(kNow, sequence);
  EXPECT_EQ(timetable.take_due(kNow, 3, 5), (Sequences{1, 3, 4}));
}

// A time between two milliseconds is not due before it.
TEST(TimetableTest, NothingIsDueBeforeItsTime) {
  Timetable timetable;
  timetable.add(kNow + 1us, 1);
  EXPECT_EQ(timetable.take_due(kNow + 1us, 1, 1), Sequences{});
  EXPECT_EQ(timetable.take_due(kNow + 1ms, 1, 1), Sequences{1});
}

TEST(TimetableTest, KeepsOnlyWhatIsLeft) {
  Timetable timetable;
  for (std::uint64_t sequence = 1; sequence <= 9; ++sequence) timetable.add(kNow - 1s * sequence, sequence);
  timetable.keep_only(Sequences{2, 3, 8, 20});
  EXPECT_EQ(timetable.size(), 3U);
  EXPECT_EQ(timetable.next(), kNow - 8s);
  EXPECT_EQ(timetable.take_due(kNow, 10, 10), (Sequences{8, 3, 2}));
  timetable.add(kNow, 1);
  timetable.keep_only({});
  EXPECT_EQ(timetable.next(), std::nullopt);
}

}  // namespace
}  // namespace leat
