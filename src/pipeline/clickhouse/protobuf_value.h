// Protobuf fields as values of ClickHouse's columns, as leat/row_mapping.h tells of map_protobuf.
#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>

#include "leat/rows.h"

namespace leat {

// Whether values of a field, as a whole or an element of it, can fit. Empty when they can, else why not.
row_values::Problem field_misfit(const google::protobuf::FieldDescriptor& field, const ColumnType& column);
row_values::Problem element_misfit(const google::protobuf::FieldDescriptor& field, const ColumnType& column);

// Appends a field; nothing when it is absent.
std::optional<row_values::Problem> put_field(std::string& out, const ColumnType& column,
                                             const google::protobuf::Message& message,
                                             const google::protobuf::FieldDescriptor& field,
                                             RowEncoder::Missing missing);
// Appends an element of a repeated field, which is there.
row_values::Problem put_element(std::string& out, const ColumnType& column, const google::protobuf::Message& message,
                                const google::protobuf::FieldDescriptor& field, int element,
                                RowEncoder::Missing missing);

}  // namespace leat
