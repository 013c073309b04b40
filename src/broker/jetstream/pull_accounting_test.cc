#include "broker/jetstream/pull_accounting.h"

#include <gtest/gtest.h>

namespace leat::jetstream {
namespace {

constexpr SteadyTime at(int seconds) {
  return SteadyTime(std::chrono::seconds(seconds));
}

TEST(PullAccounting, CountsWhatMayStillCome) {
  PullAccounting pulls;
  EXPECT_EQ(pulls.next_end(), SteadyTime::max());
  pulls.open(10, at(5));
  pulls.open(5, at(3));
  EXPECT_EQ(pulls.outstanding(), 15u);
  EXPECT_EQ(pulls.next_end(), at(3));
  for (int i = 0; i < 12; ++i) pulls.delivered();
  EXPECT_EQ(pulls.outstanding(), 3u);
}

TEST(PullAccounting, TheEndOfARequestSetsItsPartRight) {
  PullAccounting pulls;
  const auto first = pulls.open(10, at(5));
  const auto second = pulls.open(10, at(5));
  for (int i = 0; i < 10; ++i) pulls.delivered();  // really five of each: all were counted for the first
  pulls.end(first, 5);
  EXPECT_EQ(pulls.outstanding(), 5u);
  pulls.end(second, 5);
  EXPECT_EQ(pulls.outstanding(), 0u);
}

TEST(PullAccounting, ARequestEndsWithoutANumber) {
  PullAccounting pulls;
  const auto only = pulls.open(10, at(5));
  pulls.delivered();
  pulls.end(only, std::nullopt);
  EXPECT_EQ(pulls.outstanding(), 0u);
  pulls.end(only + 1, 3);
  EXPECT_EQ(pulls.outstanding(), 0u);
}

TEST(PullAccounting, WhatWasLostIsNotCountedTwice) {
  PullAccounting pulls;
  const auto old = pulls.open(10, at(5));
  pulls.clear();
  EXPECT_EQ(pulls.outstanding(), 0u);
  pulls.open(4, at(5));
  pulls.end(old, 10);
  EXPECT_EQ(pulls.outstanding(), 4u);
}

TEST(PullAccounting, OverdueRequestsAreForgotten) {
  PullAccounting pulls;
  pulls.open(10, at(5));
  pulls.open(4, at(9));
  EXPECT_FALSE(pulls.expire(at(4)));
  EXPECT_TRUE(pulls.expire(at(5)));
  EXPECT_EQ(pulls.outstanding(), 4u);
}

}  // namespace
}  // namespace leat::jetstream
