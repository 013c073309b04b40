#include "broker/key_write_checks.h"

#include <gtest/gtest.h>

#include <string>

namespace leat {
namespace {

using enum KeyWrite::Kind;

bool is_conflict(KeyWrite::Kind kind, std::uint64_t demanded, std::uint64_t actual) {
  const auto checked = check_revision({.kind = kind, .key = "k", .value = {}, .revision = demanded}, "b", actual);
  return !checked && checked.error().code() == ErrorCode::kConflict;
}

TEST(KeyWriteChecks, WhatEachKindDemandsOfTheRevision) {
  EXPECT_FALSE(is_conflict(kPut, 0, 0));
  EXPECT_FALSE(is_conflict(kPut, 0, 7));
  EXPECT_FALSE(is_conflict(kCreate, 0, 0));
  EXPECT_TRUE(is_conflict(kCreate, 0, 7));
  EXPECT_FALSE(is_conflict(kUpdate, 7, 7));
  EXPECT_TRUE(is_conflict(kUpdate, 6, 7));
  EXPECT_TRUE(is_conflict(kUpdate, 7, 0));
  EXPECT_TRUE(is_conflict(kUpdate, 0, 0)) << "what is not there has no last write";
  EXPECT_FALSE(is_conflict(kErase, 0, 7));
  EXPECT_FALSE(is_conflict(kErase, 0, 0));
  EXPECT_FALSE(is_conflict(kErase, 7, 7));
  EXPECT_TRUE(is_conflict(kErase, 6, 7));
}

TEST(KeyWriteChecks, AConflictNamesWhatWasFoundAndWhatWasExpected) {
  EXPECT_EQ(check_revision({.kind = kUpdate, .key = "k", .value = {}, .revision = 6}, "b", 7).error().message(),
            "record \"k\" of bucket \"b\" is at revision 7, expected 6");
  EXPECT_EQ(check_revision({.kind = kCreate, .key = "k", .value = {}}, "b", 7).error().message(),
            "record \"k\" of bucket \"b\" is at revision 7, expected none");
}

TEST(KeyWriteChecks, TheKeyAndTheSizeOfTheValue) {
  EXPECT_TRUE(check_key_write({.key = "a.b", .value = std::string(8, 'x')}, 8));
  const auto long_value = check_key_write({.key = "a.b", .value = std::string(9, 'x')}, 8);
  ASSERT_FALSE(long_value);
  EXPECT_EQ(long_value.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(long_value.error().message(), "the value of \"a.b\" has 9 bytes; the limit is 8");
  EXPECT_EQ(check_key_write({.key = "a b", .value = {}}, 8).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(check_key_write({.key = std::string(1000, 'k'), .value = {}}, 8));
  EXPECT_EQ(check_key_write({.key = std::string(1001, 'k'), .value = {}}, 8).error().code(),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace leat
