// Where a column's value comes from, as leat/row_mapping.h writes it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/message.h"
#include "leat/result.h"
#include "leat/row_values.h"

namespace leat {

struct ColumnSource {
  enum class Kind { kSubject, kSubjectToken, kSequence, kTime, kHeader, kPayload, kPath } kind = Kind::kPath;
  std::string text;                 // as it was written
  std::size_t token = 0;            // of the subject
  std::string header{};             // its name
  std::vector<std::string> path{};  // into the payload; not empty for kPath
};

// kInvalidArgument, with the source in it: an unknown `$` name, an empty step, a JSON pointer with a wrong escape.
Result<ColumnSource> parse_source(std::string_view text);

// "device" and nothing else, whatever is in the name.
ColumnSource source_of_name(const std::string& name);

// The list index that a step is, if it is one: digits, no zero in front.
std::optional<std::size_t> list_index(std::string_view step);

// Whether values of a `$` source can fit.
bool source_fits(const ColumnSource& source, const ColumnType& column);

// Appends the value of a `$` source; nothing when the message has none.
std::optional<row_values::Problem> put_source(std::string& out, const ColumnType& column, const ColumnSource& source,
                                              const StoredMessage& message);

}  // namespace leat
