#include "pipeline/clickhouse/message_json.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "core/base64.h"
#include "pipeline/clickhouse/message_times.h"
#include "pipeline/clickhouse/message_types.h"

namespace leat {

namespace pb = google::protobuf;
using nlohmann::json;

namespace {

class JsonOf {
 public:
  explicit JsonOf(const pb::FieldDescriptor& field) : field_(field) {}

  json operator()(std::int64_t number) const { return number; }
  json operator()(std::uint64_t number) const { return number; }
  json operator()(bool value) const { return value; }
  json operator()(double number) const { return std::isfinite(number) ? json(number) : to_json(number); }
  // As a double it would have digits that a float has not.
  json operator()(float number) const {
    if (!std::isfinite(number)) return to_json(static_cast<double>(number));
    constexpr std::size_t kLongest = 32;
    char text[kLongest];
    const auto written = std::to_chars(text, text + kLongest, number);
    double same = 0;
    std::from_chars(text, written.ptr, same);
    return same;
  }
  json operator()(EnumNumber value) const {
    const auto* known = value.type->FindValueByNumber(value.number);
    return known ? json(known->name()) : json(value.number);
  }
  json operator()(const std::string& text) const {
    return field_.type() == pb::FieldDescriptor::TYPE_BYTES ? to_base64(text) : text;
  }
  json operator()(const pb::Message& message) const { return to_json(message); }

 private:
  const pb::FieldDescriptor& field_;
};

json by_fields(const pb::Message& message) {
  json object = json::object();
  const pb::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    if (!is_absent(message, field)) object[field.name()] = to_json(message, field);
  }
  return object;
}

std::string key_text(const json& key) {
  return key.is_string() ? key.get<std::string>() : key.dump();
}

json map_to_json(const pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::FieldDescriptor& key = *field.message_type()->map_key();
  const pb::FieldDescriptor& value = *field.message_type()->map_value();
  const auto* reflection = message.GetReflection();
  json object = json::object();
  for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
    const pb::Message& entry = reflection->GetRepeatedMessage(message, &field, i);
    object[key_text(FieldValue{entry, key}.visit(JsonOf(key)))] = FieldValue{entry, value}.visit(JsonOf(value));
  }
  return object;
}

}  // namespace

json to_json(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  constexpr double kEnd = 9223372036854775808.0;  // of what 64 bits hold
  const bool whole = std::abs(number) < kEnd && std::trunc(number) == number;
  return whole ? json(static_cast<std::int64_t>(number)) : json(number);
}

json to_json(const pb::Struct& object) {
  json out = json::object();
  for (const auto& [name, value] : object.fields()) out[name] = to_json(value);
  return out;
}

json to_json(const pb::ListValue& list) {
  json out = json::array();
  for (const pb::Value& value : list.values()) out.push_back(to_json(value));
  return out;
}

json to_json(const pb::Value& value) {
  switch (value.kind_case()) {
    case pb::Value::kNumberValue: return to_json(value.number_value());
    case pb::Value::kStringValue: return value.string_value();
    case pb::Value::kBoolValue: return value.bool_value();
    case pb::Value::kStructValue: return to_json(value.struct_value());
    case pb::Value::kListValue: return to_json(value.list_value());
    case pb::Value::kNullValue:
    case pb::Value::KIND_NOT_SET: break;
  }
  return nullptr;
}

json to_json(const pb::Message& message) {
  const pb::Descriptor& type = *message.GetDescriptor();
  switch (const WellKnown known = well_known(type)) {
    case WellKnown::kNone: return by_fields(message);
    case WellKnown::kWrapper: return to_json(message, *type.field(0));
    case WellKnown::kTimestamp:
    case WellKnown::kDuration: return time_text(seconds_of(message), known);
    case WellKnown::kStruct: {
      pb::Struct own;
      return to_json(as_own(message, own));
    }
    case WellKnown::kValue: {
      pb::Value own;
      return to_json(as_own(message, own));
    }
    case WellKnown::kListValue: {
      pb::ListValue own;
      return to_json(as_own(message, own));
    }
  }
  return nullptr;
}

json to_json(const pb::Message& message, const pb::FieldDescriptor& field) {
  if (field.is_map()) return map_to_json(message, field);
  if (!field.is_repeated()) return FieldValue{message, field}.visit(JsonOf(field));
  json list = json::array();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    list.push_back(FieldValue{message, field, i}.visit(JsonOf(field)));
  }
  return list;
}

std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace leat
