#include "leat/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace leat {
namespace {

TEST(Result, HoldsAValueOrAnError) {
  Result<int> good = 7;
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 7);
  EXPECT_EQ(good.value_or(1), 7);
  const Result<int> bad = Error(ErrorCode::kNotFound, "no such thing");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(bad.error().message(), "no such thing");
  EXPECT_EQ(bad.value_or(1), 1);
}

TEST(Result, ValueThrowsTheError) {
  const Result<std::string> bad = Error(ErrorCode::kDenied, "wrong password");
  try {
    (void)bad.value();
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDenied);
    EXPECT_STREQ(error.what(), "wrong password");
  }
}

TEST(Result, VoidIsOkUnlessAnError) {
  const Result<void> good;
  EXPECT_TRUE(good);
  EXPECT_NO_THROW(good.value());
  const Result<void> bad = Error(ErrorCode::kFull, "full");
  EXPECT_FALSE(bad);
  EXPECT_THROW(bad.value(), Error);
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = std::move(made).value();
  EXPECT_EQ(*taken, 3);
}

TEST(Result, ConvertsToWhatItHolds) {
  struct Base {
    virtual ~Base() = default;
  };
  struct Derived : Base {};
  const Result<std::unique_ptr<Base>> made = std::make_unique<Derived>();
  EXPECT_NE(dynamic_cast<Derived*>(made->get()), nullptr);
  const Result<std::string> text = "literal";
  EXPECT_EQ(*text, "literal");
}

TEST(Error, ContextGoesInFront) {
  const Error inner(ErrorCode::kConflict, "revision is 3");
  const Error outer = inner.with_context("bucket \"a\"");
  EXPECT_EQ(outer.code(), ErrorCode::kConflict);
  EXPECT_EQ(outer.message(), "bucket \"a\": revision is 3");
}

TEST(Error, EveryCodeHasAName) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    EXPECT_NE(to_string(static_cast<ErrorCode>(code)), "error") << code;
  }
}

}  // namespace
}  // namespace leat
