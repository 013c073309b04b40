#include "pipeline/clickhouse/field_path.h"

#include "clickhouse/json_value.h"
#include "core/invalid_argument.h"
#include "core/nearest_name.h"
#include "pipeline/clickhouse/field_value.h"
#include "pipeline/clickhouse/json_path.h"
#include "pipeline/clickhouse/message_json.h"
#include "pipeline/clickhouse/message_types.h"
#include "pipeline/clickhouse/protobuf_value.h"

namespace leat {

namespace pb = google::protobuf;

namespace {

Error no_field(const pb::Descriptor& type, const std::string& name) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  const auto nearest = nearest_name(name, names);
  return invalid_argument(type.full_name() + " has no field " + name +
                          (nearest ? ": did you mean " + *nearest + "?" : ""));
}

bool holds_json(const pb::Descriptor& type) {
  const WellKnown known = well_known(type);
  return known == WellKnown::kStruct || known == WellKnown::kValue || known == WellKnown::kListValue;
}

// What a step finds in a Struct, Value or ListValue of this program.
const pb::Value* step_into(const pb::Value& value, const std::string& step) {
  if (value.has_struct_value()) {
    const auto found = value.struct_value().fields().find(step);
    return found == value.struct_value().fields().end() ? nullptr : &found->second;
  }
  const auto index = list_index(step);
  if (!value.has_list_value() || !index || *index >= static_cast<std::size_t>(value.list_value().values_size())) {
    return nullptr;
  }
  return &value.list_value().values(static_cast<int>(*index));
}

// The first step into a message of these types.
const pb::Value* first_step(const pb::Struct& object, const std::string& step) {
  const auto found = object.fields().find(step);
  return found == object.fields().end() ? nullptr : &found->second;
}
const pb::Value* first_step(const pb::ListValue& list, const std::string& step) {
  const auto index = list_index(step);
  if (!index || *index >= static_cast<std::size_t>(list.values_size())) return nullptr;
  return &list.values(static_cast<int>(*index));
}
const pb::Value* first_step(const pb::Value& value, const std::string& step) {
  return step_into(value, step);
}

template <class Own>
std::optional<row_values::Problem> put_part(std::string& out, const ColumnType& column, const pb::Message& message,
                                            const std::vector<std::string>& path) {
  Own own;
  const pb::Value* here = first_step(as_own(message, own), path.front());
  for (std::size_t i = 1; here && i < path.size(); ++i) here = step_into(*here, path[i]);
  if (!here) return std::nullopt;
  return put_json(out, column, to_json(*here));
}

}  // namespace

Result<FieldPath> FieldPath::open(const pb::Descriptor& type, const ColumnSource& source, const ColumnType& column) {
  FieldPath path;
  const pb::Descriptor* here = &type;
  for (std::size_t at = 0; at < source.path.size();) {
    if (!here)
      return invalid_argument(path.steps_.back().field->full_name() + " has no fields: " + source.path[at] +
                              " cannot be in it");
    if (holds_json(*here) && !path.steps_.empty()) {
      path.rest_.assign(source.path.begin() + static_cast<std::ptrdiff_t>(at), source.path.end());
      return path;
    }
    auto next = path.add_step(*here, source.path, at);
    if (!next) return next.error();
    here = *next;
  }
  const Step& last = path.steps_.back();
  const auto problem = last.element ? element_misfit(*last.field, column) : field_misfit(*last.field, column);
  if (!problem.empty()) return invalid_argument(problem);
  return path;
}

// Takes a field's name, and an element's number behind a repeated one. Returns where the next step is looked for: null
// for what has no fields.
Result<const pb::Descriptor*> FieldPath::add_step(const pb::Descriptor& type, const std::vector<std::string>& path,
                                                  std::size_t& at) {
  const pb::FieldDescriptor* field = type.FindFieldByName(path[at]);
  if (!field) return no_field(type, path[at]);
  steps_.push_back({field});
  ++at;
  if (field->is_repeated() && at < path.size()) {
    if (field->is_map()) return invalid_argument(field->full_name() + " is a map: a path ends there");
    const auto index = list_index(path[at]);
    if (!index) {
      return invalid_argument(field->full_name() + " is repeated: behind it stands an element's number, not " +
                              path[at]);
    }
    steps_.back().element = static_cast<int>(*index);
    ++at;
  }
  return field->message_type();
}

const pb::Message* FieldPath::descend(const pb::Message& message) const {
  const pb::Message* here = &message;
  const std::size_t last = rest_.empty() ? steps_.size() - 1 : steps_.size();
  for (std::size_t i = 0; i < last; ++i) {
    const auto& [field, element] = steps_[i];
    const auto* reflection = here->GetReflection();
    if (element) {
      if (*element >= reflection->FieldSize(*here, field)) return nullptr;
      here = &reflection->GetRepeatedMessage(*here, field, *element);
    } else {
      if (is_absent(*here, *field)) return nullptr;
      here = &reflection->GetMessage(*here, field);
    }
  }
  return here;
}

std::optional<row_values::Problem> FieldPath::put(std::string& out, const ColumnType& column,
                                                  const pb::Message& message, RowEncoder::Missing missing) const {
  const pb::Message* here = descend(message);
  if (!here) return std::nullopt;
  if (!rest_.empty()) return put_json_part(out, column, *here);
  const auto& [field, element] = steps_.back();
  if (!element) return put_field(out, column, *here, *field, missing);
  if (*element >= here->GetReflection()->FieldSize(*here, field)) return std::nullopt;
  return put_element(out, column, *here, *field, *element, missing);
}

std::optional<row_values::Problem> FieldPath::put_json_part(std::string& out, const ColumnType& column,
                                                            const pb::Message& message) const {
  const WellKnown type = well_known(*message.GetDescriptor());
  if (type == WellKnown::kStruct) return put_part<pb::Struct>(out, column, message, rest_);
  if (type == WellKnown::kListValue) return put_part<pb::ListValue>(out, column, message, rest_);
  return put_part<pb::Value>(out, column, message, rest_);
}

}  // namespace leat
