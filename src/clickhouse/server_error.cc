#include "clickhouse/server_error.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace leat {
namespace {

constexpr std::size_t kMostText = 2000;
constexpr int kTooManyParts = 252;
constexpr int kNotEnoughSpace = 243;
constexpr std::string_view kManyPartitions = "partitions for single INSERT";

// ClickHouse's src/Common/ErrorCodes.cpp; sorted.
constexpr std::array kTransient{
    3,    // UNEXPECTED_END_OF_FILE: a connection ended
    95,   // CANNOT_READ_FROM_SOCKET
    96,   // CANNOT_WRITE_TO_SOCKET
    159,  // TIMEOUT_EXCEEDED
    160,  // TOO_SLOW
    198,  // DNS_ERROR
    201,  // QUOTA_EXCEEDED
    202,  // TOO_MANY_SIMULTANEOUS_QUERIES
    203,  // NO_FREE_CONNECTION
    209,  // SOCKET_TIMEOUT
    210,  // NETWORK_ERROR
    216,  // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: the try before this one
    225,  // NO_ZOOKEEPER
    236,  // ABORTED
    241,  // MEMORY_LIMIT_EXCEEDED
    242,  // TABLE_IS_READ_ONLY: the replica has no keeper just now
    252,  // TOO_MANY_PARTS: merges are behind
    254,  // NO_ACTIVE_REPLICAS
    279,  // ALL_CONNECTION_TRIES_FAILED
    285,  // TOO_FEW_LIVE_REPLICAS
    286,  // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    289,  // REPLICA_IS_NOT_IN_QUORUM
    319,  // UNKNOWN_STATUS_OF_INSERT
    394,  // QUERY_WAS_CANCELLED
    425,  // SYSTEM_ERROR
    439,  // CANNOT_SCHEDULE_TASK
    473,  // DEADLOCK_AVOIDED
    499,  // S3_ERROR
    692,  // TOO_MANY_MUTATIONS
    745,  // SERVER_OVERLOADED
    999,  // KEEPER_EXCEPTION
};
constexpr std::array kRow{
    6,    // CANNOT_PARSE_TEXT
    25,   // CANNOT_PARSE_ESCAPE_SEQUENCE
    26,   // CANNOT_PARSE_QUOTED_STRING
    27,   // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    32,   // ATTEMPT_TO_READ_AFTER_EOF
    33,   // CANNOT_READ_ALL_DATA
    38,   // CANNOT_PARSE_DATE
    41,   // CANNOT_PARSE_DATETIME
    69,   // ARGUMENT_OUT_OF_BOUND
    70,   // CANNOT_CONVERT_TYPE
    72,   // CANNOT_PARSE_NUMBER
    117,  // INCORRECT_DATA
    128,  // TOO_LARGE_ARRAY_SIZE
    131,  // TOO_LARGE_STRING_SIZE
    153,  // ILLEGAL_DIVISION
    190,  // SIZES_OF_ARRAYS_DONT_MATCH
    321,  // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349,  // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    376,  // CANNOT_PARSE_UUID
    395,  // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
    407,  // DECIMAL_OVERFLOW
    441,  // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
    467,  // CANNOT_PARSE_BOOL
    469,  // VIOLATED_CONSTRAINT
    632,  // UNEXPECTED_DATA_AFTER_PARSED_VALUE
    675,  // CANNOT_PARSE_IPV4
    676,  // CANNOT_PARSE_IPV6
    691,  // UNKNOWN_ELEMENT_OF_ENUM
};

struct Known {
  int code;
  ErrorCode meaning;
};
constexpr std::array kStatement{
    Known{57, ErrorCode::kConflict},           // TABLE_ALREADY_EXISTS
    Known{60, ErrorCode::kNotFound},           // UNKNOWN_TABLE
    Known{81, ErrorCode::kNotFound},           // UNKNOWN_DATABASE
    Known{82, ErrorCode::kConflict},           // DATABASE_ALREADY_EXISTS
    Known{164, ErrorCode::kDenied},            // READONLY
    Known{192, ErrorCode::kDenied},            // UNKNOWN_USER
    Known{193, ErrorCode::kDenied},            // WRONG_PASSWORD
    Known{194, ErrorCode::kDenied},            // REQUIRED_PASSWORD
    Known{195, ErrorCode::kDenied},            // IP_ADDRESS_NOT_ALLOWED
    Known{218, ErrorCode::kConflict},          // TABLE_IS_DROPPED and its like
    Known{kNotEnoughSpace, ErrorCode::kFull},  // NOT_ENOUGH_SPACE
    Known{291, ErrorCode::kDenied},            // DATABASE_ACCESS_DENIED
    Known{497, ErrorCode::kDenied},            // ACCESS_DENIED
    Known{516, ErrorCode::kDenied},            // AUTHENTICATION_FAILED
};

std::string in_one_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::string line(text.substr(0, kMostText));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// "Code: 60. DB::Exception", "Code: 60, e.displayText() = ".
std::optional<int> code_in(std::string_view text) {
  constexpr std::string_view kMark = "Code: ";
  const std::size_t at = text.find(kMark);
  if (at == text.npos) return std::nullopt;
  const std::string_view rest = text.substr(at + kMark.size());
  const auto code = parse_number(rest.substr(0, rest.find_first_not_of("0123456789")));
  return code && *code < 100'000 ? std::optional(static_cast<int>(*code)) : std::nullopt;
}

// The last thing that is told of where it happened; what a row says of itself stands in quotes.
bool is_of_view(std::string_view text) {
  const std::size_t at = text.rfind(": while pushing to view ");
  return at != text.npos && text.find('\'', at) == text.npos;
}

std::string_view remedy_for(ServerFault fault, std::string_view text) {
  if (fault != ServerFault::kStatement) return {};
  if (is_of_view(text)) return "the table may have the rows already: repair the view or drop it";
  if (text.find(kManyPartitions) == text.npos) return {};
  return "partition the table by something coarser, or raise max_partitions_per_insert_block for this user";
}

}  // namespace

ServerFault fault_of(int code, std::string_view text) {
  // One insert into too many partitions has the code of a table that merges too slowly, and waiting does not help it.
  if (code == kTooManyParts && text.find(kManyPartitions) != text.npos) return ServerFault::kStatement;
  if (std::binary_search(kTransient.begin(), kTransient.end(), code)) return ServerFault::kTransient;
  // The table has the rows by then: parts of them would be stored once more.
  if (is_of_view(text)) return ServerFault::kStatement;
  return std::binary_search(kRow.begin(), kRow.end(), code) ? ServerFault::kRow : ServerFault::kStatement;
}

Error ServerError::error() const {
  return {error_code(), remedy.empty() ? text : text + " (" + std::string(remedy) + ")"};
}

ErrorCode ServerError::error_code() const {
  if (code == 319) return ErrorCode::kUnknown;  // UNKNOWN_STATUS_OF_INSERT
  if (fault == ServerFault::kTransient) return ErrorCode::kUnavailable;
  for (const Known& known : kStatement) {
    if (known.code == code) return known.meaning;
  }
  return ErrorCode::kInvalidArgument;
}

ServerError parse_server_error(std::string_view body, std::optional<int> header_code) {
  ServerError error;
  error.code = header_code.value_or(code_in(body).value_or(0));
  error.text = in_one_line(body);
  error.fault = fault_of(error.code, body);
  error.remedy = remedy_for(error.fault, body);
  return error;
}

std::optional<ServerError> error_in_answer(std::string_view body) {
  while (body.ends_with('\n') || body.ends_with('\r')) body.remove_suffix(1);
  // What servers since 25.11 put there: a frame around the text.
  if (const std::size_t frame = body.rfind("__exception__\r\n");
      frame != body.npos || body.ends_with("__exception__")) {
    const std::size_t at = body.rfind("Code: ");
    if (at != body.npos) return parse_server_error(body.substr(at, body.find("\r\n", at) - at));
  }
  const std::size_t line = body.rfind('\n');
  const std::string_view last = line == body.npos ? body : body.substr(line + 1);
  const bool ends_so = last.ends_with("e.what() = DB::Exception") || last.find("(version ") != last.npos;
  const bool reads_so = last.starts_with("Code: ") && ends_so && code_in(last);
  return reads_so ? std::optional(parse_server_error(last)) : std::nullopt;
}

}  // namespace leat
