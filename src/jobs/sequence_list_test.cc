#include "jobs/sequence_list.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace leat {
namespace {

using Sequences = std::vector<std::uint64_t>;

TEST(SequenceListTest, WhatFollowsOneAnotherIsARun) {
  EXPECT_EQ(list_sequences({}).dump(), "[]");
  EXPECT_EQ(list_sequences(Sequences{7, 8}).dump(), "[7,8]");
  EXPECT_EQ(list_sequences(Sequences{7, 8, 9}).dump(), "[[7,9]]");
  EXPECT_EQ(list_sequences(Sequences{9, 1, 2, 3, 4, 12}).dump(), "[9,[1,4],12]");
}

TEST(SequenceListTest, IsReadAsItWasWritten) {
  for (const Sequences& sequences :
       {Sequences{}, Sequences{5}, Sequences{3, 4, 5, 6}, Sequences{9, 8, 7, 1, 2, 3, 20}}) {
    EXPECT_EQ(sequences_in(list_sequences(sequences), 100), sequences);
  }
}

TEST(SequenceListTest, WhatIsNoSequenceIsPassedOver) {
  const auto list = nlohmann::json::parse(R"([1, "2", -3, [4], [5, 4], [6, 7, 8], ["a", 9], 10])");
  EXPECT_EQ(sequences_in(list, 100), (Sequences{1, 10}));
  EXPECT_EQ(sequences_in(nlohmann::json(5), 100), Sequences{});
}

TEST(SequenceListTest, NoMoreThanAskedForAreRead) {
  const auto all = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(sequences_in(nlohmann::json::array({nlohmann::json::array({1U, all})}), 3), (Sequences{1, 2, 3}));
  EXPECT_EQ(sequences_in(nlohmann::json::array({nlohmann::json::array({all, all}), 1U}), 1), Sequences{all});
}

TEST(SequenceListTest, InARow) {
  EXPECT_TRUE(are_in_a_row({}));
  EXPECT_TRUE(are_in_a_row(Sequences{4, 5, 6}));
  EXPECT_FALSE(are_in_a_row(Sequences{4, 6}));
  EXPECT_FALSE(are_in_a_row(Sequences{5, 4}));
}

}  // namespace
}  // namespace leat
