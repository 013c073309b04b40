#include "pipeline/clickhouse/protobuf_value.h"

#include <algorithm>
#include <charconv>

#include "pipeline/clickhouse/column_plan.h"
#include "pipeline/clickhouse/field_value.h"
#include "pipeline/clickhouse/message_json.h"
#include "pipeline/clickhouse/message_times.h"
#include "pipeline/clickhouse/message_types.h"

namespace leat {

namespace pb = google::protobuf;

namespace {

using Field = pb::FieldDescriptor;
using Kind = ColumnType::Kind;
using row_values::Family;
using row_values::Problem;
using Missing = RowEncoder::Missing;

Kind kind_of(const ColumnType& column) {
  return row_values::inside(column).kind;
}

bool is_text(const ColumnType& column) {
  return kind_of(column) == Kind::kString;
}

bool is_fraction(const ColumnType& column) {
  return kind_of(column) == Kind::kFloat || kind_of(column) == Kind::kDecimal;
}

bool enum_fits(const pb::EnumDescriptor& type, const ColumnType& column) {
  const ColumnType& inside = row_values::inside(column);
  if (inside.kind == Kind::kInt || inside.kind == Kind::kUInt || inside.kind == Kind::kString) return true;
  if (inside.kind != Kind::kEnum) return false;
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& one = *type.value(i);
    const bool by_name = std::find(inside.names.begin(), inside.names.end(), one.name()) != inside.names.end();
    if (by_name || std::find(inside.values.begin(), inside.values.end(), one.number()) != inside.values.end())
      return true;
  }
  return false;
}

Problem tuple_misfit(const pb::Descriptor& type, const ColumnType& column) {
  if (column.names.empty()) return "a Tuple without names takes no " + type.full_name();
  for (std::size_t i = 0; i < column.names.size(); ++i) {
    const Field* field = type.FindFieldByName(column.names[i]);
    if (!field) return type.full_name() + " has no field " + column.names[i];
    if (Problem problem = field_misfit(*field, column.inner[i]); !problem.empty()) return problem;
  }
  return {};
}

bool well_known_fits(const pb::Descriptor& type, const ColumnType& column) {
  switch (well_known(type)) {
    case WellKnown::kTimestamp: return row_values::fits(Family::kTime, column) || is_text(column);
    case WellKnown::kDuration: return is_fraction(column) || is_text(column);
    case WellKnown::kStruct: return kind_of(column) == Kind::kJson || is_text(column);
    case WellKnown::kValue:
    case WellKnown::kListValue: return is_text(column);
    case WellKnown::kWrapper: return element_misfit(*type.field(0), column).empty();
    case WellKnown::kNone: break;
  }
  return false;
}

// Appends a value that is there, to a column that it can fit.
class Putter {
 public:
  Putter(std::string& out, const ColumnType& column, Missing missing) : out_(out), column_(column), missing_(missing) {}

  Problem operator()(std::int64_t number) const { return row_values::put_integer(out_, column_, number); }
  Problem operator()(std::uint64_t number) const { return row_values::put_natural(out_, column_, number); }
  Problem operator()(bool value) const { return row_values::put_natural(out_, column_, value ? 1 : 0); }
  Problem operator()(float number) const { return put_real(number); }
  Problem operator()(double number) const { return put_real(number); }
  Problem operator()(const std::string& text) const { return row_values::put_text(out_, column_, text); }
  Problem operator()(EnumNumber value) const;
  Problem operator()(const pb::Message& message) const;

 private:
  template <class Real>
  Problem put_real(Real number) const;
  Problem put_tuple(const pb::Message& message) const;
  Problem put_well_known(const pb::Message& message) const;
  Problem put_timestamp(ProtobufSeconds time) const;
  Problem put_duration(ProtobufSeconds duration) const;

  std::string& out_;
  const ColumnType& column_;
  const Missing missing_;
};

// A Decimal gets the digits that were meant, not those of the nearest binary number.
template <class Real>
Problem Putter::put_real(Real number) const {
  if (kind_of(column_) != Kind::kDecimal) return row_values::put_real(out_, column_, static_cast<double>(number));
  constexpr std::size_t kLongest = 400;
  char text[kLongest];
  const auto written = std::to_chars(text, text + kLongest, number, std::chars_format::fixed);
  return row_values::put_text(out_, column_, {text, static_cast<std::size_t>(written.ptr - text)});
}

Problem Putter::operator()(EnumNumber value) const {
  const ColumnType& inside = row_values::inside(column_);
  if (inside.kind == Kind::kInt || inside.kind == Kind::kUInt) {
    return row_values::put_integer(out_, column_, value.number);
  }
  const auto* known = value.type->FindValueByNumber(value.number);
  if (inside.kind == Kind::kString) {
    return row_values::put_text(out_, column_, known ? known->name() : std::to_string(value.number));
  }
  const bool by_name =
      known && std::find(inside.names.begin(), inside.names.end(), known->name()) != inside.names.end();
  if (by_name) return row_values::put_text(out_, column_, known->name());
  return row_values::put_integer(out_, column_, value.number);
}

Problem Putter::operator()(const pb::Message& message) const {
  if (well_known(*message.GetDescriptor()) != WellKnown::kNone) return put_well_known(message);
  if (column_.kind == Kind::kTuple) return put_tuple(message);
  return row_values::put_text(out_, column_, to_text(to_json(message)));
}

Problem Putter::put_tuple(const pb::Message& message) const {
  for (std::size_t i = 0; i < column_.names.size(); ++i) {
    const Field& field = *message.GetDescriptor()->FindFieldByName(column_.names[i]);
    auto problem = put_field(out_, column_.inner[i], message, field, missing_);
    if (!problem) problem = put_missing(out_, column_.inner[i], missing_);
    if (!problem->empty()) return "its element " + column_.names[i] + ": " + *problem;
  }
  return {};
}

Problem Putter::put_well_known(const pb::Message& message) const {
  const pb::Descriptor& type = *message.GetDescriptor();
  switch (well_known(type)) {
    case WellKnown::kTimestamp: return put_timestamp(seconds_of(message));
    case WellKnown::kDuration: return put_duration(seconds_of(message));
    case WellKnown::kStruct:
    case WellKnown::kValue:
    case WellKnown::kListValue: return row_values::put_text(out_, column_, to_text(to_json(message)));
    case WellKnown::kWrapper:
    case WellKnown::kNone: break;
  }
  const Field& wrapped = *type.field(0);
  return FieldValue{message, wrapped}.visit(Putter(out_, column_, missing_));
}

Problem Putter::put_timestamp(ProtobufSeconds time) const {
  const bool valid = is_valid(time, WellKnown::kTimestamp);
  const auto near = to_system_time(time);
  if (valid && near && !is_text(column_)) return row_values::put_time(out_, column_, *near);
  const std::string text = time_text(time, WellKnown::kTimestamp);
  return valid ? row_values::put_text(out_, column_, text) : text + " is no time of the years 1 to 9999";
}

Problem Putter::put_duration(ProtobufSeconds duration) const {
  std::string text = time_text(duration, WellKnown::kDuration);
  if (!is_valid(duration, WellKnown::kDuration)) return text + " is no duration";
  if (!is_text(column_)) text.pop_back();  // the unit
  return row_values::put_text(out_, column_, text);
}

Problem put_list(std::string& out, const ColumnType& column, const pb::Message& message, const Field& field,
                 Missing missing) {
  const int size = message.GetReflection()->FieldSize(message, &field);
  row_values::put_length(out, static_cast<std::uint64_t>(size));
  for (int i = 0; i < size; ++i) {
    if (Problem problem = put_element(out, column.inner[0], message, field, i, missing); !problem.empty())
      return problem;
  }
  return {};
}

Problem put_map(std::string& out, const ColumnType& column, const pb::Message& message, const Field& field,
                Missing missing) {
  const auto* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, &field);
  const Field& key = *field.message_type()->map_key();
  const Field& value = *field.message_type()->map_value();
  row_values::put_length(out, static_cast<std::uint64_t>(size));
  for (int i = 0; i < size; ++i) {
    const pb::Message& entry = reflection->GetRepeatedMessage(message, &field, i);
    Problem problem = FieldValue{entry, key}.visit(Putter(out, column.inner[0], missing));
    if (problem.empty()) problem = FieldValue{entry, value}.visit(Putter(out, column.inner[1], missing));
    if (!problem.empty()) return problem;
  }
  return {};
}

}  // namespace

Problem element_misfit(const Field& field, const ColumnType& column) {
  const auto answer = [&](bool fits) {
    return fits
               ? Problem()
               : std::string(field.full_name()) + " is " + field.cpp_type_name() + ", whose values never fit this type";
  };
  if (field.type() == Field::TYPE_STRING) return answer(row_values::fits(Family::kText, column));
  if (field.type() == Field::TYPE_BYTES) return answer(is_text(column) || kind_of(column) == Kind::kFixedString);
  if (field.cpp_type() == Field::CPPTYPE_ENUM) return answer(enum_fits(*field.enum_type(), column));
  if (field.cpp_type() != Field::CPPTYPE_MESSAGE) return answer(row_values::fits(Family::kNumber, column));
  const pb::Descriptor& type = *field.message_type();
  if (well_known(type) != WellKnown::kNone) return answer(well_known_fits(type, column));
  if (column.kind == Kind::kTuple) return tuple_misfit(type, column);
  return answer(kind_of(column) == Kind::kJson || is_text(column));
}

Problem field_misfit(const Field& field, const ColumnType& column) {
  if (!field.is_repeated()) return element_misfit(field, column);
  if (is_text(column)) return {};
  if (field.is_map()) {
    if (column.kind != Kind::kMap) return field.full_name() + " is a map: it fits a Map or, as JSON, a String";
    Problem problem = element_misfit(*field.message_type()->map_key(), column.inner[0]);
    return problem.empty() ? element_misfit(*field.message_type()->map_value(), column.inner[1]) : problem;
  }
  if (column.kind != Kind::kArray) return field.full_name() + " is repeated: it fits an Array or, as JSON, a String";
  return element_misfit(field, column.inner[0]);
}

std::optional<Problem> put_field(std::string& out, const ColumnType& column, const pb::Message& message,
                                 const Field& field, Missing missing) {
  if (is_absent(message, field) && (column.nullable() || !field.has_default_value())) return std::nullopt;
  if (!field.is_repeated()) return FieldValue{message, field}.visit(Putter(out, column, missing));
  if (is_text(column)) return row_values::put_text(out, column, to_text(to_json(message, field)));
  return field.is_map() ? put_map(out, column, message, field, missing)
                        : put_list(out, column, message, field, missing);
}

Problem put_element(std::string& out, const ColumnType& column, const pb::Message& message, const Field& field,
                    int element, Missing missing) {
  return FieldValue{message, field, element}.visit(Putter(out, column, missing));
}

}  // namespace leat
