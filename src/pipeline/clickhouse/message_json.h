// Protobuf messages as JSON: by their fields' names, 64 bits as numbers, bytes in base 64; google's own types as
// protobuf's JSON writes them.
//
// What JSON has no number for, NaN and the infinities, are the texts "NaN", "Infinity" and "-Infinity". A Struct's
// numbers, which are all doubles, are written as whole ones where they are.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "pipeline/clickhouse/field_value.h"

namespace leat {

nlohmann::json to_json(double number);
nlohmann::json to_json(const google::protobuf::Struct& object);
nlohmann::json to_json(const google::protobuf::Value& value);
nlohmann::json to_json(const google::protobuf::ListValue& list);
nlohmann::json to_json(const google::protobuf::Message& message);
// A whole field: a list, a map, or a value.
nlohmann::json to_json(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field);

std::string to_text(const nlohmann::json& value);

// The same message as the program's own type, copied to `own` unless it is one already.
template <class Own>
const Own& as_own(const google::protobuf::Message& message, Own& own) {
  if (message.GetDescriptor() == Own::descriptor()) return static_cast<const Own&>(message);
  own.ParsePartialFromString(message.SerializePartialAsString());
  return own;
}

}  // namespace leat
