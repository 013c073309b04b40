// What ClickHouse says when it refuses, and whose fault it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "leat/result.h"

namespace leat {

enum class ServerFault {
  kTransient,  // busy, restarting, out of memory, another replica is needed: the same may succeed later
  kStatement,  // the query's, the table's or the user's: never as it is
  kRow,        // a row that was inserted
};

struct ServerError {
  int code = 0;  // ClickHouse's; 0 when none was told
  ServerFault fault = ServerFault::kStatement;
  std::string text;           // "Code: 60. DB::Exception: ..." in one line, 2000 bytes at most
  std::string_view remedy{};  // what a person can do about it, where that is known; a literal

  // The code that the caller of leat acts by.
  ErrorCode error_code() const;
  Error error() const;
};

// From the body of an error's answer; `header_code` is what the header told, if there is one.
ServerError parse_server_error(std::string_view body, std::optional<int> header_code = std::nullopt);

// The error at the end of an answer that began well; empty when there is none.
std::optional<ServerError> error_in_answer(std::string_view body);

// By code and text; kStatement for what is not known.
ServerFault fault_of(int code, std::string_view text);

}  // namespace leat
