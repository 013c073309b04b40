#include "leat/rows.h"

#include <gtest/gtest.h>

#include <cmath>

namespace leat {
namespace {

using namespace std::chrono_literals;

TableDescription table_of(const std::vector<std::pair<std::string, std::string>>& columns) {
  TableDescription table{"t", {}, "MergeTree"};
  for (const auto& [name, type] : columns) table.columns.push_back({name, parse_column_type(type).value()});
  return table;
}

// The bytes of one value of a column of this type, in hex; or the error.
std::string from_json(const std::string& type, const std::string& json) {
  const RowEncoder encoder = RowEncoder::open(table_of({{"c", type}})).value();
  RowBatch batch;
  const auto encoded = encoder.encode_json(batch, "{\"c\":" + json + "}");
  if (!encoded) {
    EXPECT_EQ(batch.bytes(), 0U) << type << " " << json;
    return encoded.error().message();
  }
  std::string hex;
  for (const char c : batch.rows()) {
    constexpr std::string_view kHex = "0123456789abcdef";
    hex += kHex[static_cast<unsigned char>(c) >> 4];
    hex += kHex[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

TEST(RowsTest, JsonValuesBecomeRowBinary) {
  const std::vector<std::tuple<const char*, const char*, const char*>> cases{
      {"Int8", "-1", "ff"},
      {"UInt16", "258", "0201"},
      {"UInt64", "\"18446744073709551615\"", "ffffffffffffffff"},
      {"Int64", "-9223372036854775808", "0000000000000080"},
      {"Int128", "\"-2\"", "feffffffffffffffffffffffffffffff"},
      {"UInt256", "1", "0100000000000000000000000000000000000000000000000000000000000000"},
      {"Int32", "5.0", "05000000"},
      {"Float32", "0.5", "0000003f"},
      {"Float64", "1", "000000000000f03f"},
      {"Float64", "\"inf\"", "000000000000f07f"},
      {"Bool", "true", "01"},
      {"UInt8", "true", "01"},
      {"String", "\"a\\nb\"", "03610a62"},
      {"String", "{\"a\":[1]}", "097b2261223a5b315d7d"},
      {"FixedString(4)", "\"ab\"", "61620000"},
      {"Date", "\"1970-01-02\"", "0100"},
      {"Date32", "\"1969-12-31\"", "ffffffff"},
      {"DateTime", "\"1970-01-01T01:00:00+01:00\"", "00000000"},
      {"DateTime", "10", "0a000000"},
      {"DateTime64(3)", "\"1970-01-01T00:00:01.2345Z\"", "d204000000000000"},
      {"DateTime64(3)", "\"1969-12-31T23:59:59.999Z\"", "ffffffffffffffff"},
      {"DateTime64(3)", "1.5", "dc05000000000000"},
      {"UUID", "\"00112233-4455-6677-8899-aabbccddeeff\"", "7766554433221100ffeeddccbbaa9988"},
      {"Enum8('a' = 1, 'b' = -2)", "\"b\"", "fe"},
      {"Enum8('a' = 1, 'b' = -2)", "1", "01"},
      {"Decimal(9, 2)", "12.5", "e2040000"},
      {"Decimal(9, 2)", "\"-0.01\"", "ffffffff"},
      {"Decimal(18, 4)", "\"1.50000000\"", "983a000000000000"},
      {"IPv4", "\"1.2.3.4\"", "04030201"},
      {"IPv6", "\"::1\"", "00000000000000000000000000000001"},
      {"IPv6", "\"1.2.3.4\"", "00000000000000000000ffff01020304"},
      {"Array(UInt8)", "[1,2]", "020102"},
      {"Nullable(UInt8)", "null", "01"},
      {"Nullable(UInt8)", "7", "0007"},
      {"LowCardinality(Nullable(String))", "\"x\"", "000178"},
      {"Map(String, UInt8)", "{\"k\":1}", "01016b01"},
      {"Tuple(UInt8, String)", "[1,\"x\"]", "010178"},
      {"Tuple(a UInt8, b String)", "{\"b\":\"x\",\"a\":1}", "010178"},
      {"JSON", "{\"a\":1}", "077b2261223a317d"},
  };
  for (const auto& [type, json, bytes] : cases) EXPECT_EQ(from_json(type, json), bytes) << type << " " << json;
}

TEST(RowsTest, WhatDoesNotFitNamesColumnTypeAndValue) {
  const std::vector<std::tuple<std::string, const char*, const char*>> cases{
      {"UInt8", "256", "256 is out of its range"},
      {"UInt8", "-1", "-1 is out of its range"},
      {"Int8", "128", "128 is out of its range"},
      {"Int8", "\"x\"", "\"x\" is none: expected a whole number"},
      {"UInt128", "\"-1\"", "\"-1\" is out of its range"},
      {"Int32", "1.5", "1.500000 is no whole number"},
      {"Float32", "1e39", "999999999999999939709166371603178586112.000000 is out of its range"},
      {"Float64", "9007199254740993", "9007199254740993 is not exact as a Float"},
      {"Bool", "2", "2 is none: expected true, false, 0 or 1"},
      {"String", "5", "5 is no text: write it in quotes"},
      {"FixedString(1)", "\"ab\"", "\"ab\" is longer than that"},
      {"Date", "\"1969-12-31\"", "\"1969-12-31\" is out of its range"},
      {"Date", "\"2026-02-30\"", "\"2026-02-30\" is none: expected a date, as in 2026-01-31"},
      {"DateTime", "\"2026-01-31 12:00:00\"",
       "\"2026-01-31 12:00:00\" is none: expected a time with Z or an offset, as in 2026-01-31T12:00:00Z"},
      {"DateTime", "\"2107-01-01T00:00:00Z\"", "\"2107-01-01T00:00:00Z\" is out of its range"},
      {"DateTime64(9)", "\"2299-01-01T00:00:00Z\"", "\"2299-01-01T00:00:00Z\" is out of its range"},
      {"UUID", "\"00112233\"", "\"00112233\" is none: expected a UUID, with its dashes"},
      {"Enum8('a' = 1)", "\"c\"", "\"c\" is none: expected one of its names"},
      {"Enum8('a' = 1)", "2", "2 is none: expected one of its values"},
      {"Decimal(4, 2)", "123.4",
       "\"123.4\" does not fit: expected digits, at most so many before and behind the point"},
      {"IPv4", "\"::1\"", "\"::1\" is none: expected an IPv4 address"},
      {"Array(UInt8)", "[1,300]", "300 is out of its range"},
      {"Array(UInt8)", "1", "1 is no list"},
      {"Map(String, UInt8)", "[]", "[] is no object"},
      {"Tuple(UInt8, UInt8)", "[1]", "[1] has not the elements of the tuple"},
      {"UInt8", "null", "NULL, and the column is not Nullable"},
      {"UInt8", "[1]", "[1] is no single value"},
      {"JSON", "5", "5 is no object"},
  };
  for (const auto& [type, json, why] : cases) {
    EXPECT_EQ(from_json(type, json), "column c (" + type + "): " + why) << json;
  }
}

TEST(RowsTest, KeysOfJsonAreColumns) {
  const auto table = table_of({{"a", "UInt8"}, {"b", "String"}, {"n", "Nullable(UInt8)"}});
  const RowEncoder encoder = RowEncoder::open(table).value();
  RowBatch batch;
  EXPECT_TRUE(encoder.encode_json(batch, R"({"b":"x","a":1})"));
  EXPECT_EQ(batch.rows(), std::string_view("\1\1x\1", 4));
  EXPECT_EQ(encoder.encode_json(batch, R"({"a":1})").error().message(),
            "column b (String): the row has no value for it");
  EXPECT_EQ(encoder.encode_json(batch, R"({"a":1,"b":"","c":2})").error().message(),
            "the row has a value for c, and there is no such column");
  EXPECT_EQ(encoder.encode_json(batch, "[]").error().message(), "the row is no JSON object");
  EXPECT_EQ(encoder.encode_json(batch, "{").error().message(), "the row is no JSON");
  EXPECT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.bytes(), 4U);
  EXPECT_TRUE(encoder.encode_json(batch, R"({"c":2})", {RowEncoder::Missing::kZero, RowEncoder::Unknown::kIgnored}));
  EXPECT_EQ(batch.rows(1, 2), std::string_view("\0\0\1", 3));
}

TEST(RowsTest, ColumnsAreChosenAndChecked) {
  TableDescription table = table_of({{"a", "UInt8"}, {"b", "String"}});
  table.columns[1].default_is = TableColumn::Default::kNotInsertable;
  EXPECT_EQ(RowEncoder::open(table)->column_names(), std::vector<std::string>{"a"});
  const auto refused = [&](std::vector<std::string> names) { return RowEncoder::open(table, names).error().message(); };
  EXPECT_EQ(refused({"x"}), "table t has no column x");
  EXPECT_EQ(refused({"a", "a"}), "column a stands twice");
  EXPECT_EQ(refused({"b"}), "column b of table t is computed (MATERIALIZED or ALIAS): leave it out");
}

enum class Colour : std::uint8_t { kRed = 1 };

struct Reading {
  std::uint64_t device = 0;
  SystemTime at{};
  std::string place{};
  std::optional<double> value{};
  Colour colour = Colour::kRed;
  std::vector<std::int32_t> samples{};
  std::map<std::string, std::string> tags{};
  std::pair<int, std::string> pair{};

  static constexpr auto row() {
    return leat::row(column("device", &Reading::device), column("at", &Reading::at), column("place", &Reading::place),
                     column("value", &Reading::value), column("colour", &Reading::colour),
                     column("samples", &Reading::samples), column("tags", &Reading::tags),
                     column("pair", &Reading::pair));
  }
};

const std::vector<std::pair<std::string, std::string>> kReadings{
    {"pair", "Tuple(UInt8, String)"},    {"device", "UInt32"},           {"at", "DateTime64(3)"},
    {"place", "LowCardinality(String)"}, {"value", "Nullable(Float64)"}, {"colour", "Enum8('red' = 1)"},
    {"samples", "Array(Int32)"},         {"tags", "Map(String, String)"}};

TEST(RowsTest, StructsBecomeRows) {
  const RowEncoder encoder = RowEncoder::open<Reading>(table_of(kReadings)).value();
  EXPECT_EQ(encoder.column_names().front(), "device");
  RowBatch batch;
  const Reading reading{.device = 7,
                        .at = SystemTime{} + 1ms,
                        .place = "x",
                        .value = 1.0,
                        .samples = {1},
                        .tags = {{"k", "v"}},
                        .pair = {2, "y"}};
  ASSERT_TRUE(encoder.encode(batch, reading));
  const std::string expected("\7\0\0\0\1\0\0\0\0\0\0\0\1x\0\0\0\0\0\0\0\xf0\x3f\1\1\1\0\0\0\1\1k\1v\2\1y", 37);
  EXPECT_EQ(batch.rows(), expected);
  const auto refused = encoder.encode(batch, Reading{.device = std::uint64_t{1} << 32});
  EXPECT_EQ(refused.error().message(), "column device (UInt32): 4294967296 is out of its range");
  EXPECT_EQ(encoder.encode(batch, Reading{.pair = {-1, ""}}).error().message(),
            "column pair (Tuple(UInt8, String)): -1 is out of its range");
  EXPECT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.rows(), expected);
}

TEST(RowsTest, AStructThatDoesNotFitIsRefusedAtTheStart) {
  for (const auto& [name, type] : std::vector<std::pair<std::string, std::string>>{{"device", "String"},
                                                                                   {"at", "UInt8"},
                                                                                   {"value", "Float64"},
                                                                                   {"samples", "Array(String)"},
                                                                                   {"tags", "String"},
                                                                                   {"pair", "Tuple(UInt8)"}}) {
    auto columns = kReadings;
    for (auto& [known, its_type] : columns) {
      if (known == name) its_type = type;
    }
    const auto encoder = RowEncoder::open<Reading>(table_of(columns));
    ASSERT_FALSE(encoder) << name;
    EXPECT_TRUE(encoder.error().message().starts_with("column " + name + " (" + type + "): the struct's member"))
        << encoder.error().message();
  }
}

}  // namespace
}  // namespace leat
