#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "pipeline/clickhouse/message_types.h"
#include "tests/support/mapping_rows.h"

namespace leat {
namespace {

namespace pb = google::protobuf;

using test::message_of;
using test::row_of;
using test::row_or_refusal;
using test::table_of;

constexpr const char* kSensors = R"(
syntax = "proto3";
package plant;
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "plant/kind.proto";
message Point { int32 x = 1; sint64 y = 2; optional string label = 3; }
message Reading {
  uint64 device = 1;
  double celsius = 2;
  float volts = 3;
  string room = 4;
  bytes raw = 5;
  bool ok = 6;
  Kind kind = 7;
  optional int32 battery = 8;
  oneof source { string cable = 9; Point radio = 10; }
  google.protobuf.Timestamp at = 11;
  google.protobuf.Duration took = 12;
  google.protobuf.Struct data = 13;
  google.protobuf.Value any_value = 14;
  google.protobuf.Int64Value wrapped = 15;
  repeated int32 numbers = 16;
  repeated Point points = 17;
  map<string, double> limits = 18;
  map<int32, Kind> kinds = 19;
  Point point = 20;
  repeated Kind history = 21;
}
)";
constexpr const char* kKinds = R"(
syntax = "proto3";
package plant;
enum Kind { UNKNOWN = 0; HEAT = 1; LIGHT = 5; }
)";

pb::FileDescriptorProto parsed(const std::string& name, const std::string& text) {
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  pb::io::Tokenizer tokenizer(&input, nullptr);
  pb::FileDescriptorProto file;
  EXPECT_TRUE(pb::compiler::Parser().Parse(&tokenizer, &file));
  file.set_name(name);
  return file;
}

// The importing file stands first, and google's are not in it.
std::string sensors() {
  pb::FileDescriptorSet set;
  *set.add_file() = parsed("plant/sensors.proto", kSensors);
  *set.add_file() = parsed("plant/kind.proto", kKinds);
  return set.SerializeAsString();
}

std::string payload_of(const std::string& text) {
  static const auto types = MessageTypes::open(sensors()).value();
  const auto* type = types->find("plant.Reading").value();
  const std::unique_ptr<pb::Message> message(types->prototype(*type).New());
  EXPECT_TRUE(pb::TextFormat::ParseFromString(text, message.get())) << text;
  return message->SerializeAsString();
}

Result<RowMapping> map_reading(const std::vector<std::pair<std::string, std::string>>& columns,
                               const MappingOptions& options = {}) {
  return map_protobuf(table_of(columns), sensors(), "plant.Reading", options);
}

// One column of this type, from this path.
std::string value_of(const std::string& type, const std::string& path, const std::string& text) {
  const auto mapping = map_reading({{"c", type}}, {.columns = {{"c", path}}});
  return mapping ? row_or_refusal(*mapping, message_of(payload_of(text)))
                 : "at the start: " + mapping.error().message();
}
std::string json_of(const std::string& type, const std::string& value) {
  return row_of(map_json(table_of({{"c", type}})).value(), "{\"c\":" + value + "}");
}

struct FieldCase {
  const char* type;
  const char* path;
  const char* text;   // of the message
  const char* value;  // the same in JSON
};

class ProtobufValueTest : public ::testing::TestWithParam<FieldCase> {};

TEST_P(ProtobufValueTest, IsTheSameAsInJson) {
  const auto& [type, path, text, value] = GetParam();
  EXPECT_EQ(value_of(type, path, text), json_of(type, value)) << type << " " << path << " " << text;
}

const FieldCase kCases[] = {
    {"UInt64", "device", "device: 18446744073709551615", "18446744073709551615"},
    {"Nullable(UInt8)", "device", "", "0"},
    {"Float64", "celsius", "celsius: -1.25", "-1.25"},
    {"Decimal(9, 2)", "celsius", "celsius: 20.1", "20.1"},
    {"Float32", "volts", "volts: 0.5", "0.5"},
    {"String", "room", "room: 'attic'", "\"attic\""},
    {"UUID", "room", "room: '61f0c404-5cb3-11e7-907b-a6006ad3dba0'", "\"61f0c404-5cb3-11e7-907b-a6006ad3dba0\""},
    {"FixedString(4)", "raw", "raw: 'abc'", "\"abc\""},
    {"Bool", "ok", "ok: true", "true"},
    {"UInt8", "ok", "", "0"},
    {"String", "kind", "kind: LIGHT", "\"LIGHT\""},
    {"Int16", "kind", "kind: LIGHT", "5"},
    {"Enum8('UNKNOWN' = 1, 'HEAT' = 2)", "kind", "kind: HEAT", "2"},
    {"Enum8('nothing' = 0, 'light' = 5)", "kind", "kind: LIGHT", "5"},
    {"Nullable(Int32)", "battery", "", "null"},
    {"Nullable(Int32)", "battery", "battery: 0", "0"},
    {"Nullable(String)", "cable", "radio: {x: 1}", "null"},
    {"Nullable(Int32)", "radio.x", "radio: {x: 1}", "1"},
    {"Nullable(Int32)", "radio.x", "cable: 'c'", "null"},
    {"DateTime64(3)", "at", "at: {seconds: 1769860800 nanos: 123456789}", "\"2026-01-31T12:00:00.123Z\""},
    {"DateTime64(9)", "at", "at: {seconds: 1769860800 nanos: 123456789}", "\"2026-01-31T12:00:00.123456789Z\""},
    {"DateTime64(0)", "at", "at: {seconds: 10000000000}", "\"2286-11-20T17:46:40Z\""},
    {"Date", "at", "at: {seconds: 86400}", "\"1970-01-02\""},
    {"String", "at", "at: {seconds: -1 nanos: 500000000}", "\"1969-12-31T23:59:59.500Z\""},
    {"Float64", "took", "took: {seconds: -1 nanos: -500000000}", "-1.5"},
    {"Decimal(18, 9)", "took", "took: {nanos: 1}", "\"0.000000001\""},
    {"String", "took", "took: {seconds: 3}", "\"3s\""},
    {"Nullable(Int64)", "wrapped", "wrapped: {value: 9}", "9"},
    {"Nullable(Int64)", "wrapped", "", "null"},
    {"String", "any_value", "any_value: {string_value: 'x'}", R"("\"x\"")"},
    {"Array(Int32)", "numbers", "numbers: [3, 1, 2]", "[3,1,2]"},
    {"Array(Int32)", "numbers", "", "[]"},
    {"Nullable(Int32)", "numbers.1", "numbers: [3, 1]", "1"},
    {"Nullable(Int32)", "numbers.2", "numbers: [3, 1]", "null"},
    {"String", "numbers", "numbers: [3, 1]", "[3,1]"},
    {"Array(Tuple(x Int32, label Nullable(String)))", "points", "points: [{x: 1}, {x: 2 label: ''}]",
     R"([{"x":1,"label":null},{"x":2,"label":""}])"},
    {"Int64", "points.1.y", "points: [{}, {y: -7}]", "-7"},
    {"Tuple(y Int64, x Int32)", "point", "point: {x: 1 y: 2}", R"({"y":2,"x":1})"},
    {"String", "point", "point: {x: 1 y: 9223372036854775807}", R"("{\"x\":1,\"y\":9223372036854775807}")"},
    {"JSON", "point", "point: {x: 1 label: 'l'}", R"({"label":"l","x":1,"y":0})"},
    {"Map(String, Float64)", "limits", "limits: {key: 'a' value: 1.5}", R"({"a":1.5})"},
    {"Map(Int32, String)", "kinds", "kinds: {key: -1 value: HEAT}", R"({"-1":"HEAT"})"},
    {"String", "kinds", "kinds: {key: -1 value: HEAT}", R"({"-1":"HEAT"})"},
    {"Array(String)", "history", "history: [HEAT, LIGHT]", R"(["HEAT","LIGHT"])"},
    {"Float64", "data.a.1", "data: {fields: {key: 'a' value: {list_value: {values: [{}, {number_value: 2.5}]}}}}",
     "2.5"},
    {"UInt8", "data.a", "data: {fields: {key: 'a' value: {number_value: 7}}}", "7"},
    {"Nullable(UInt8)", "data.b", "data: {fields: {key: 'a' value: {number_value: 7}}}", "null"},
    {"Nullable(UInt8)", "data.a.b", "data: {fields: {key: 'a' value: {number_value: 7}}}", "null"},
    {"UInt8", "any_value.k", "any_value: {struct_value: {fields: {key: 'k' value: {number_value: 1}}}}", "1"},
};
INSTANTIATE_TEST_SUITE_P(Types, ProtobufValueTest, ::testing::ValuesIn(kCases));

TEST(ProtobufMappingTest, WritesStructsAsJson) {
  const char* text = R"(data: {
    fields: {key: 'z' value: {null_value: NULL_VALUE}}
    fields: {key: 'whole' value: {number_value: 3}}
    fields: {key: 'large' value: {number_value: 1e15}}
    fields: {key: 'part' value: {number_value: 0.1}}
    fields: {key: 'nan' value: {number_value: nan}}
    fields: {key: 'far' value: {number_value: -inf}}
    fields: {key: 'list' value: {list_value: {values: [{bool_value: true}, {list_value: {}}, {string_value: "\"\n"}]}}}
    fields: {key: 'inner' value: {struct_value: {}}}})";
  const std::string row = value_of("String", "data", text);
  EXPECT_EQ(
      row.substr(1 + (row[0] < 0 ? 1 : 0)),
      R"({"far":"-Infinity","inner":{},"large":1000000000000000,"list":[true,[],"\"\n"],"nan":"NaN","part":0.1,"whole":3,"z":null})");
  EXPECT_EQ(value_of("JSON", "data", text), row);
}

TEST(ProtobufMappingTest, TakesColumnsByName) {
  const auto mapping = map_reading({{"device", "UInt64"}, {"room", "String"}, {"stored", "DateTime DEFAULT"}}).value();
  EXPECT_EQ(mapping.encoder.column_names(), (std::vector<std::string>{"device", "room"}));
  EXPECT_EQ(row_or_refusal(mapping, message_of(payload_of("device: 7 room: 'attic'"))),
            row_of(mapping, R"({"device":7,"room":"attic"})"));
}

TEST(ProtobufMappingTest, RefusesMessagesThatDoNotFit) {
  EXPECT_EQ(value_of("UInt8", "device", "device: 256"),
            "refused: column c (UInt8) from \"device\": 256 is out of its range");
  EXPECT_EQ(value_of("Int32", "battery", ""),
            "refused: column c (Int32) from \"battery\": the message has no value for it");
  EXPECT_EQ(value_of("DateTime", "at", "at: {seconds: -1}"),
            "refused: column c (DateTime) from \"at\": -1 seconds since 1970 is out of its range");
  EXPECT_EQ(value_of("DateTime", "at", "at: {nanos: -1}"),
            "refused: column c (DateTime) from \"at\": 0:-1 is no time of the years 1 to 9999");
  EXPECT_EQ(value_of("Enum8('HEAT' = 1)", "kind", "kind: LIGHT"),
            "refused: column c (Enum8('HEAT' = 1)) from \"kind\": 5 is none: expected one of its values");
  const auto mapping = map_reading({{"device", "UInt64"}}).value();
  EXPECT_EQ(row_or_refusal(mapping, message_of("\xff\xff\xff")), "refused: the payload is no plant.Reading");
  EXPECT_EQ(row_or_refusal(mapping, message_of("\xf8\x7f\x01")),
            "refused: the payload is no plant.Reading: it has none of its fields, but others");
  EXPECT_EQ(row_or_refusal(mapping, message_of("")), std::string(8, '\0'));
}

TEST(ProtobufMappingTest, RefusesAtTheStartWhatCannotBe) {
  const auto at_start = [](const std::string& type, const std::string& path) { return value_of(type, path, ""); };
  const std::string c = "at the start: column c ";
  EXPECT_EQ(at_start("UInt64", "devise"),
            c + "(UInt64) from \"devise\": plant.Reading has no field devise: did you mean device?");
  EXPECT_EQ(at_start("Int32", "point.z"), c + "(Int32) from \"point.z\": plant.Point has no field z");
  EXPECT_EQ(at_start("Int32", "device.x"),
            c + "(Int32) from \"device.x\": plant.Reading.device has no fields: x cannot be in it");
  EXPECT_EQ(
      at_start("Int32", "points.x"),
      c + "(Int32) from \"points.x\": plant.Reading.points is repeated: behind it stands an element's number, not x");
  EXPECT_EQ(at_start("Int32", "limits.a"),
            c + "(Int32) from \"limits.a\": plant.Reading.limits is a map: a path ends there");
  EXPECT_EQ(at_start("String", "device"),
            c + "(String) from \"device\": plant.Reading.device is uint64, whose values never fit this type");
  EXPECT_EQ(at_start("Array(UInt8)", "device"),
            c + "(Array(UInt8)) from \"device\": plant.Reading.device is uint64, whose values never fit this type");
  EXPECT_NE(at_start("Int32", "numbers").find("is repeated: it fits an Array"), std::string::npos);
  EXPECT_NE(at_start("Array(Int32)", "limits").find("is a map: it fits a Map"), std::string::npos);
  EXPECT_NE(at_start("UUID", "raw").find("never fit"), std::string::npos);
  EXPECT_NE(at_start("Enum8('other' = 9)", "kind").find("never fit"), std::string::npos);
  EXPECT_NE(at_start("Float64", "at").find("never fit"), std::string::npos);
  EXPECT_NE(at_start("Tuple(x Int32, z Int32)", "point").find("plant.Point has no field z"), std::string::npos);
  EXPECT_NE(at_start("Tuple(Int32, Int64)", "point").find("without names"), std::string::npos);
  const auto by_name = map_reading({{"celsus", "Float64"}});
  EXPECT_EQ(by_name.error().message(),
            "column celsus of table t: plant.Reading has no field celsus: did you mean celsius? (name its source in "
            "`columns`, or give it a DEFAULT)");
  const auto strict = map_reading({{"device", "UInt64"}}, {.unknown = RowEncoder::Unknown::kRefused});
  EXPECT_EQ(strict.error().message(), "no column takes the field celsius of plant.Reading");
}

TEST(ProtobufMappingTest, RefusesDescriptorSets) {
  const auto refusal = [](const std::string& set, const std::string& name) {
    return map_protobuf(table_of({{"a", "UInt8"}}), set, name).error().message();
  };
  EXPECT_EQ(refusal("junk", "M"), "these bytes are no descriptor set: expected what protoc --descriptor_set_out wrote");
  EXPECT_EQ(refusal("", "M"), "these bytes are no descriptor set: expected what protoc --descriptor_set_out wrote");
  EXPECT_EQ(refusal(sensors(), "plant.Raeding"),
            "the descriptor set has no message plant.Raeding: did you mean plant.Reading?");
  EXPECT_EQ(refusal(sensors(), "Reading"), "the descriptor set has no message Reading: did you mean plant.Reading?");
  pb::FileDescriptorSet set;
  *set.add_file() = parsed("a.proto", "syntax = \"proto3\"; import \"b.proto\"; message M { int32 a = 1; }");
  EXPECT_EQ(refusal(set.SerializeAsString(), "M"),
            "the descriptor set is broken: a.proto imports b.proto, which is not in it (write it with protoc "
            "--include_imports)");
  *set.add_file() = parsed("b.proto", "syntax = \"proto3\"; import \"a.proto\";");
  EXPECT_EQ(refusal(set.SerializeAsString(), "M"), "the descriptor set is broken: a.proto imports itself");
  set.Clear();
  *set.add_file() = parsed("a.proto", "syntax = \"proto3\"; message M { Nothing a = 1; }");
  EXPECT_EQ(refusal(set.SerializeAsString(), "M"),
            "the descriptor set is broken: a.proto: M.a: \"Nothing\" is not defined.");
}

TEST(ProtobufMappingTest, KnowsRequiredFieldsAndDefaults) {
  pb::FileDescriptorSet set;
  *set.add_file() =
      parsed("a.proto", "syntax = \"proto2\"; message M { required int32 a = 1; optional int32 b = 2 [default = 5]; }");
  const auto mapping = map_protobuf(table_of({{"a", "Int8"}, {"b", "Int8"}}), set.SerializeAsString(), "M").value();
  EXPECT_EQ(row_or_refusal(mapping, message_of("\x08\x01")), "\1\5");
  EXPECT_EQ(row_or_refusal(mapping, message_of("\x10\x01")), "refused: the payload lacks required fields of M: a");
}

}  // namespace
}  // namespace leat
