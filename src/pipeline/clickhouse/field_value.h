// One value of a message: of a field, or an element of a repeated one.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <utility>

namespace leat {

struct EnumNumber {
  const google::protobuf::EnumDescriptor* type = nullptr;
  int number = 0;  // perhaps one without a name
};

struct FieldValue {
  const google::protobuf::Message& message;
  const google::protobuf::FieldDescriptor& field;
  int element = -1;  // of a repeated field

  // Calls `visit` with an int64, uint64, bool, float, double, EnumNumber, string or message.
  template <class Visit>
  auto visit(Visit&& visit) const {
    using Field = google::protobuf::FieldDescriptor;
    const auto* r = message.GetReflection();
    const bool one = element < 0;
    std::string scratch;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_INT32:
        return visit(std::int64_t{one ? r->GetInt32(message, &field) : r->GetRepeatedInt32(message, &field, element)});
      case Field::CPPTYPE_INT64:
        return visit(std::int64_t{one ? r->GetInt64(message, &field) : r->GetRepeatedInt64(message, &field, element)});
      case Field::CPPTYPE_UINT32:
        return visit(
            std::uint64_t{one ? r->GetUInt32(message, &field) : r->GetRepeatedUInt32(message, &field, element)});
      case Field::CPPTYPE_UINT64:
        return visit(
            std::uint64_t{one ? r->GetUInt64(message, &field) : r->GetRepeatedUInt64(message, &field, element)});
      case Field::CPPTYPE_BOOL:
        return visit(one ? r->GetBool(message, &field) : r->GetRepeatedBool(message, &field, element));
      case Field::CPPTYPE_FLOAT:
        return visit(one ? r->GetFloat(message, &field) : r->GetRepeatedFloat(message, &field, element));
      case Field::CPPTYPE_DOUBLE:
        return visit(one ? r->GetDouble(message, &field) : r->GetRepeatedDouble(message, &field, element));
      case Field::CPPTYPE_ENUM:
        return visit(EnumNumber{field.enum_type(), one ? r->GetEnumValue(message, &field)
                                                       : r->GetRepeatedEnumValue(message, &field, element)});
      case Field::CPPTYPE_STRING:
        return visit(one ? r->GetStringReference(message, &field, &scratch)
                         : r->GetRepeatedStringReference(message, &field, element, &scratch));
      case Field::CPPTYPE_MESSAGE: break;
    }
    return visit(one ? r->GetMessage(message, &field) : r->GetRepeatedMessage(message, &field, element));
  }
};

// True for a field that tells whether it is there, and is not.
inline bool is_absent(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field) {
  return !field.is_repeated() && field.has_presence() && !message.GetReflection()->HasField(message, &field);
}

}  // namespace leat
