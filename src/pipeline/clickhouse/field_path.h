// A path into protobuf messages, checked against their types before there is a message.
#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <vector>

#include "pipeline/clickhouse/column_plan.h"

namespace leat {

class FieldPath {
 public:
  // The descriptor must outlive it. Errors: kInvalidArgument: no such field, with the nearest name; a step behind what
  // has no fields; the field's values never fit the column.
  static Result<FieldPath> open(const google::protobuf::Descriptor& type, const ColumnSource& source,
                                const ColumnType& column);

  // Appends the value; nothing when it, or something on the way to it, is absent.
  std::optional<row_values::Problem> put(std::string& out, const ColumnType& column,
                                         const google::protobuf::Message& message, RowEncoder::Missing missing) const;

 private:
  struct Step {
    const google::protobuf::FieldDescriptor* field = nullptr;
    std::optional<int> element{};
  };

  Result<const google::protobuf::Descriptor*> add_step(const google::protobuf::Descriptor& type,
                                                       const std::vector<std::string>& path, std::size_t& at);
  const google::protobuf::Message* descend(const google::protobuf::Message& message) const;
  std::optional<row_values::Problem> put_json_part(std::string& out, const ColumnType& column,
                                                   const google::protobuf::Message& message) const;

  std::vector<Step> steps_;
  std::vector<std::string> rest_;  // inside of a Struct, Value or ListValue
};

}  // namespace leat
