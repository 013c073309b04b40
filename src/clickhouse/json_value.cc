#include "clickhouse/json_value.h"

#include <algorithm>

namespace leat {
namespace {

using Kind = ColumnType::Kind;
using nlohmann::json;
using row_values::Problem;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Problem put_list(std::string& out, const ColumnType& type, const json& list) {
  if (!list.is_array()) return text_of(list).substr(0, 100) + " is no list";
  row_values::put_length(out, list.size());
  for (const json& one : list) {
    if (Problem problem = put_json(out, type.inner[0], one); !problem.empty()) return problem;
  }
  return {};
}

Problem put_map(std::string& out, const ColumnType& type, const json& object) {
  if (!object.is_object()) return text_of(object).substr(0, 100) + " is no object";
  row_values::put_length(out, object.size());
  for (const auto& [key, value] : object.items()) {
    if (Problem problem = row_values::put_text(out, type.inner[0], key); !problem.empty()) return problem;
    if (Problem problem = put_json(out, type.inner[1], value); !problem.empty()) return problem;
  }
  return {};
}

// A list, by position; or an object, by the elements' names.
Problem put_tuple(std::string& out, const ColumnType& type, const json& value) {
  const bool by_name = value.is_object() && !type.names.empty();
  if ((!by_name && !value.is_array()) || value.size() != type.inner.size()) {
    return text_of(value).substr(0, 100) + " has not the elements of the tuple";
  }
  for (std::size_t i = 0; i < type.inner.size(); ++i) {
    if (by_name && !value.contains(type.names[i])) return "the value has no element " + type.names[i];
    const json& one = by_name ? value[type.names[i]] : value[i];
    if (Problem problem = put_json(out, type.inner[i], one); !problem.empty()) return problem;
  }
  return {};
}

Problem put_number(std::string& out, const ColumnType& type, const json& value) {
  if (value.is_number_unsigned()) return row_values::put_natural(out, type, value.get<std::uint64_t>());
  if (value.is_number_integer()) return row_values::put_integer(out, type, value.get<std::int64_t>());
  // The shortest text that reads back as the same number: what was written, up to 17 digits.
  if (row_values::inside(type).kind == Kind::kDecimal) return row_values::put_text(out, type, value.dump());
  return row_values::put_real(out, type, value.get<double>());
}

Problem put_plain(std::string& out, const ColumnType& type, const json& value) {
  const Kind kind = row_values::inside(type).kind;
  if (kind == Kind::kJson) {
    if (!value.is_object()) return text_of(value).substr(0, 100) + " is no object";
    return row_values::put_text(out, type, text_of(value));
  }
  if (value.is_string()) return row_values::put_text(out, type, value.get_ref<const std::string&>());
  const bool text_column = kind == Kind::kString;
  if (value.is_structured() && text_column) return row_values::put_text(out, type, text_of(value));
  if (value.is_structured()) return text_of(value).substr(0, 100) + " is no single value";
  if (text_column || kind == Kind::kFixedString) return text_of(value) + " is no text: write it in quotes";
  if (value.is_boolean()) return row_values::put_natural(out, type, value.get<bool>() ? 1 : 0);
  return put_number(out, type, value);
}

// Writing a value out again takes a stack frame for each level.
constexpr std::size_t kDeepestJson = 500;

bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted && text[i] == '\\') ++i;
    if (quoted) continue;
    if (text[i] == '[' || text[i] == '{') ++depth;
    if (text[i] == ']' || text[i] == '}') --depth;
    if (depth > kDeepestJson && depth <= text.size()) return true;
  }
  return false;
}

}  // namespace

Result<json> parse_json_object(std::string_view text) {
  const bool may_be_deep = text.size() > kDeepestJson && too_deep(text);
  if (may_be_deep)
    return Error(ErrorCode::kInvalidArgument, "the row has more than 500 lists and objects in each other");
  json value = json::parse(text, nullptr, false);
  if (value.is_object()) return value;
  return Error(ErrorCode::kInvalidArgument, value.is_discarded() ? "the row is no JSON" : "the row is no JSON object");
}

Problem put_json(std::string& out, const ColumnType& type, const json& value) {
  if (value.is_null()) return row_values::put_null(out, type);
  if (type.kind == Kind::kArray) return put_list(out, type, value);
  if (type.kind == Kind::kMap) return put_map(out, type, value);
  return type.kind == Kind::kTuple ? put_tuple(out, type, value) : put_plain(out, type, value);
}

void put_zero(std::string& out, const ColumnType& type) {
  switch (type.kind) {
    case Kind::kNullable: static_cast<void>(row_values::put_null(out, type)); return;
    case Kind::kString:
    case Kind::kArray:
    case Kind::kMap: row_values::put_length(out, 0); return;
    case Kind::kJson: static_cast<void>(row_values::put_text(out, type, "{}")); return;
    case Kind::kTuple:
      for (const ColumnType& one : type.inner) put_zero(out, one);
      return;
    case Kind::kEnum: static_cast<void>(row_values::put_integer(out, type, type.values.front())); return;
    case Kind::kFixedString: out.append(type.size, '\0'); return;
    case Kind::kUuid:
    case Kind::kIpv6: out.append(16, '\0'); return;
    case Kind::kDate: out.append(2, '\0'); return;
    case Kind::kDate32:
    case Kind::kDateTime:
    case Kind::kIpv4: out.append(4, '\0'); return;
    case Kind::kDateTime64: out.append(8, '\0'); return;
    case Kind::kBool: out += '\0'; return;
    case Kind::kInt:
    case Kind::kUInt:
    case Kind::kFloat:
    case Kind::kDecimal: out.append(type.bits / 8, '\0'); return;
  }
}

Error unknown_key(const json& object, const std::vector<TableColumn>& columns) {
  for (auto field = object.begin(); field != object.end(); ++field) {
    const auto is_it = [&](const TableColumn& column) { return column.name == field.key(); };
    if (std::any_of(columns.begin(), columns.end(), is_it)) continue;
    return {ErrorCode::kInvalidArgument, "the row has a value for " + field.key() + ", and there is no such column"};
  }
  return {ErrorCode::kInternal, "the row's columns could not be told"};
}

}  // namespace leat
