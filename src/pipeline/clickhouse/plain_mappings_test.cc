#include <gtest/gtest.h>

#include "tests/support/mapping_rows.h"

namespace leat {
namespace {

using test::message_of;
using test::row_of;
using test::row_or_refusal;
using test::table_of;
using Options = MappingOptions;

std::string refusal(const Result<RowMapping>& mapping) {
  return mapping ? "no error" : mapping.error().message();
}

TEST(JsonMappingTest, TakesColumnsByName) {
  const auto mapping =
      map_json(
          table_of(
              {{"device", "UInt32"}, {"room", "String"}, {"celsius", "Nullable(Float64)"}, {"twice", "UInt64 ALIAS"}}))
          .value();
  EXPECT_EQ(mapping.encoder.column_names(), (std::vector<std::string>{"device", "room", "celsius"}));
  EXPECT_EQ(row_or_refusal(mapping, message_of(R"({"room":"attic","device":7,"more":[1]})")),
            row_of(mapping, R"({"device":7,"room":"attic","celsius":null})"));
}

TEST(JsonMappingTest, TakesColumnsByPathsAndFromTheMessage) {
  const auto table = table_of({{"id", "UInt64"},
                               {"at", "DateTime64(3)"},
                               {"subject", "String"},
                               {"room", "String"},
                               {"site", "LowCardinality(String)"},
                               {"celsius", "Float64"},
                               {"dotted", "String"},
                               {"whole", "String"},
                               {"name", "String"}});
  const auto mapping = map_json(table, {.columns = {{"id", "$sequence"},
                                                    {"at", "$time"},
                                                    {"subject", "$subject"},
                                                    {"room", "$subject.2"},
                                                    {"site", "$header.Site"},
                                                    {"celsius", "sensors.1.celsius"},
                                                    {"dotted", "/a.b/~0~1"},
                                                    {"whole", "$payload"}},
                                        .others = Options::Others::kByName})
                           .value();
  const std::string payload = R"({"sensors":[{},{"celsius":21.5}],"a.b":{"~/":"x"},"name":"n"})";
  EXPECT_EQ(
      row_or_refusal(mapping, message_of(payload)),
      row_of(mapping,
             R"({"id":42,"at":"2026-01-31T12:00:00.123Z","subject":"events.7.kitchen","room":"kitchen",
                                "site":"north","celsius":21.5,"dotted":"x","name":"n","whole":)" +
                 std::string(R"("{\"sensors\":[{},{\"celsius\":21.5}],\"a.b\":{\"~/\":\"x\"},\"name\":\"n\"}"})")));
}

TEST(JsonMappingTest, LeavesOutColumnsThatAreNotNamed) {
  const auto table = table_of({{"a", "UInt8"}, {"b", "UInt8"}, {"c", "UInt8"}});
  const auto mapping = map_json(table, {.columns = {{"c", "x"}, {"a", "y"}}}).value();
  EXPECT_EQ(mapping.encoder.column_names(), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(row_or_refusal(mapping, message_of(R"({"x":1,"y":2})")), std::string("\2\1"));
}

TEST(JsonMappingTest, RefusesMessagesThatDoNotFit) {
  const auto mapping =
      map_json(table_of({{"a", "UInt8"}, {"b", "UInt8"}}), {.columns = {{"a", "x.0"}, {"b", "b"}}}).value();
  EXPECT_EQ(row_or_refusal(mapping, message_of("not json")), "refused: the row is no JSON");
  EXPECT_EQ(row_or_refusal(mapping, message_of("")), "refused: the row is no JSON");
  EXPECT_EQ(row_or_refusal(mapping, message_of("[1]")), "refused: the row is no JSON object");
  EXPECT_EQ(row_or_refusal(mapping, message_of(R"({"b":1})")),
            "refused: column a (UInt8) from \"x.0\": the message has no value for it");
  EXPECT_EQ(row_or_refusal(mapping, message_of(R"({"x":{"0":1},"b":256})")),
            "refused: column b (UInt8): 256 is out of its range");
  EXPECT_EQ(row_or_refusal(mapping, message_of(R"({"x":[1],"b":null})")),
            "refused: column b (UInt8): NULL, and the column is not Nullable");
  for (const char* payload : {R"({"x":[],"b":1})", R"({"x":5,"b":1})", R"({"x":null,"b":1})"}) {
    EXPECT_NE(row_or_refusal(mapping, message_of(payload)).find("no value"), std::string::npos) << payload;
  }
}

TEST(JsonMappingTest, RefusesDepthThatNoStackHolds) {
  const auto mapping = map_json(table_of({{"a", "String"}})).value();
  const std::string many(100'000, '[');
  const std::string payload = R"({"a":)" + many + std::string(many.size(), ']') + "}";
  EXPECT_EQ(row_or_refusal(mapping, message_of(payload)),
            "refused: the row has more than 500 lists and objects in each other");
  EXPECT_EQ(row_or_refusal(mapping, message_of(R"({"a":"\"[)" + many + "\"}")),
            row_of(mapping, R"({"a":"\"[)" + many + "\"}"));
}

TEST(JsonMappingTest, FollowsItsRules) {
  const auto table = table_of({{"a", "UInt8"}, {"b", "String"}});
  const auto zeros = map_json(table, {.missing = RowEncoder::Missing::kZero}).value();
  EXPECT_EQ(row_or_refusal(zeros, message_of("{}")), std::string("\0\0", 2));
  const auto strict =
      map_json(table, {.columns = {{"a", "x.y"}, {"b", "b"}}, .unknown = RowEncoder::Unknown::kRefused}).value();
  EXPECT_EQ(row_or_refusal(strict, message_of(R"({"x":{"y":1,"z":2},"b":""})")), std::string("\1\0", 2));
  EXPECT_EQ(row_or_refusal(strict, message_of(R"({"x":{"y":1},"b":"","c":2})")),
            "refused: the payload has a value for \"c\", and no column takes it");
}

TEST(JsonMappingTest, RefusesAtTheStartWhatCannotBe) {
  const auto table = table_of({{"device", "UInt8"}, {"tags", "Array(String)"}, {"double", "UInt8 ALIAS"}});
  const auto with = [&](const std::string& column, const std::string& source) {
    return refusal(map_json(table, {.columns = {{column, source}}}));
  };
  EXPECT_EQ(with("devise", "x"), "table t has no column devise: did you mean device?");
  EXPECT_EQ(with("zzz", "x"), "table t has no column zzz");
  EXPECT_EQ(with("double", "x"), "column double of table t is computed (MATERIALIZED or ALIAS): leave it out");
  EXPECT_EQ(with("device", "$sequnce"), "column device: the source \"$sequnce\" is none: did you mean $sequence?");
  EXPECT_EQ(with("device", "$subject.x"),
            "column device: the source \"$subject.x\" is none: behind the dot stands a token's number, from 0");
  EXPECT_EQ(with("tags", "$subject"), "column tags (Array(String)) from \"$subject\": its values never fit this type");
  EXPECT_EQ(with("tags", "$time"), "column tags (Array(String)) from \"$time\": its values never fit this type");
  EXPECT_EQ(with("device", "a..b"), "column device: the source \"a..b\" has an empty step");
  EXPECT_EQ(with("device", ""), "column device: the source \"\" has an empty step");
  EXPECT_EQ(with("device", "/a~"),
            "column device: the source \"/a~\" has a ~ without 0 (for ~) or 1 (for /) behind it");
  EXPECT_NE(with("device", "$key").find("a name with $ is written \"/$name\""), std::string::npos);
}

TEST(RawMappingTest, KeepsPayloadsAsTheyAre) {
  const auto mapping = map_raw(table_of({{"payload", "String"},
                                         {"subject", "String"},
                                         {"sequence", "UInt64"},
                                         {"time", "DateTime64(3)"},
                                         {"stored", "DateTime DEFAULT"}}))
                           .value();
  EXPECT_EQ(mapping.encoder.column_names(), (std::vector<std::string>{"payload", "subject", "sequence", "time"}));
  const std::string bytes("\xff\0\n", 3);
  const std::string row = row_or_refusal(mapping, message_of(bytes));
  EXPECT_EQ(row.substr(0, 4), "\3" + bytes);
  EXPECT_EQ(row.substr(4, 17),
            "\x10"
            "events.7.kitchen");
  EXPECT_EQ(row.substr(21, 8), std::string("\x2a\0\0\0\0\0\0\0", 8));
}

TEST(RawMappingTest, RefusesWhatIsNotThere) {
  const auto table = table_of({{"payload", "String"}, {"token", "Nullable(String)"}});
  EXPECT_EQ(refusal(map_raw(table)),
            "column token of table t has no source: name it in `columns`, or give it a DEFAULT (by name go payload, "
            "subject, sequence, time)");
  EXPECT_NE(refusal(map_raw(table, {.columns = {{"token", "a.b"}}})).find("nobody looks into a raw payload"),
            std::string::npos);
  const auto mapping = map_raw(table, {.columns = {{"payload", "$payload"}, {"token", "$subject.3"}}}).value();
  EXPECT_EQ(row_or_refusal(mapping, message_of("x")), std::string("\1x\1"));
  const auto needs_header = map_raw(table, {.columns = {{"payload", "$header.Place"}}}).value();
  EXPECT_EQ(row_or_refusal(needs_header, message_of("x")),
            "refused: column payload (String) from \"$header.Place\": the message has no value for it");
}

}  // namespace
}  // namespace leat
