#include "leat/column_type.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

using Kind = ColumnType::Kind;

TEST(ColumnTypeTest, SimpleOnes) {
  const std::vector<std::tuple<const char*, Kind, unsigned>> cases{
      {"Int8", Kind::kInt, 8},          {"Int256", Kind::kInt, 256},   {"UInt16", Kind::kUInt, 16},
      {"UInt128", Kind::kUInt, 128},    {"Float32", Kind::kFloat, 32}, {"Bool", Kind::kBool, 0},
      {"String", Kind::kString, 0},     {"Date", Kind::kDate, 0},      {"Date32", Kind::kDate32, 0},
      {"UUID", Kind::kUuid, 0},         {"IPv4", Kind::kIpv4, 0},      {"IPv6", Kind::kIpv6, 0},
      {"DateTime", Kind::kDateTime, 0}, {"JSON", Kind::kJson, 0}};
  for (const auto& [text, kind, bits] : cases) {
    const auto type = parse_column_type(text);
    ASSERT_TRUE(type) << type.error().message();
    EXPECT_EQ(type->kind, kind) << text;
    EXPECT_EQ(type->bits, bits) << text;
    EXPECT_EQ(type->text, text);
  }
}

TEST(ColumnTypeTest, ParametersAreTaken) {
  EXPECT_EQ(parse_column_type("FixedString(16)")->size, 16U);
  EXPECT_EQ(parse_column_type("DateTime64(6, 'Europe/Berlin')")->scale, 6U);
  EXPECT_EQ(parse_column_type("DateTime('UTC')")->kind, Kind::kDateTime);
  const auto decimal = parse_column_type("Decimal(38, 10)");
  EXPECT_EQ(decimal->size, 38U);
  EXPECT_EQ(decimal->scale, 10U);
  EXPECT_EQ(decimal->bits, 128U);
  EXPECT_EQ(parse_column_type("Decimal64(4)")->size, 18U);
  EXPECT_EQ(parse_column_type("JSON(max_dynamic_paths=16, a.b UInt32, SKIP `x)`)")->kind, Kind::kJson);
  const auto chosen = parse_column_type(R"(Enum8('a' = -1, 'it\'s' = 2, 'b''c' = 3))");
  EXPECT_EQ(chosen->names, (std::vector<std::string>{"a", "it's", "b'c"}));
  EXPECT_EQ(chosen->values, (std::vector<std::int16_t>{-1, 2, 3}));
  EXPECT_EQ(parse_column_type("Enum16('x' = -32768)")->values.front(), -32768);
}

TEST(ColumnTypeTest, TypesInsideTypes) {
  const auto map = parse_column_type("Map(LowCardinality(String), Array(Nullable(UInt8)))");
  ASSERT_TRUE(map) << map.error().message();
  EXPECT_EQ(map->inner[0].kind, Kind::kString);
  EXPECT_EQ(map->inner[0].text, "LowCardinality(String)");
  EXPECT_EQ(map->inner[1].inner[0].kind, Kind::kNullable);
  const auto tuple = parse_column_type("Tuple(\n    a Int8,\n    `b c` Nullable(String))");
  EXPECT_EQ(tuple->names, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(tuple->text, "Tuple(a Int8, `b c` Nullable(String))");
  EXPECT_EQ(parse_column_type("Tuple(Int8, String)")->inner.size(), 2U);
  EXPECT_EQ(parse_column_type("SimpleAggregateFunction(sum, Float64)")->kind, Kind::kFloat);
  EXPECT_EQ(parse_column_type("LowCardinality(Nullable(String))")->kind, Kind::kNullable);
}

TEST(ColumnTypeTest, WhatIsNoneSaysWhy) {
  const std::vector<std::pair<std::string, const char*>> cases{
      {"", "a type's name is missing"},
      {"Dynamic", "\"Dynamic\" is not known to leat"},
      {"Array(Variant(String))", "\"Variant\" is not known to leat"},
      {"Array", "expected `(`"},
      {"Array(String", "expected `)`"},
      {"String String", "\"String\" stands behind it"},
      {"FixedString(0)", "expected a number from 1 to 16777215"},
      {"DateTime64(10)", "expected a number from 0 to 9"},
      {"Decimal(9, 10)", "expected a number from 0 to 9"},
      {"Enum8('a' = 128)", "expected a number from 0 to 127"},
      {"Enum8('a", "a quote is not closed"},
      {"Tuple(a Int8, String)", "some elements have a name, others none"},
      {"JSON(a", "a parenthesis is not closed"},
  };
  for (const auto& [text, why] : cases) {
    const auto type = parse_column_type(text);
    ASSERT_FALSE(type) << text;
    EXPECT_EQ(type.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(type.error().message(), "type " + text + ": " + why);
  }
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "Array(";
  EXPECT_FALSE(parse_column_type(deep));
}

}  // namespace
}  // namespace leat
