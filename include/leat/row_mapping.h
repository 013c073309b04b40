// How the messages of a stream become rows of a ClickHouse table: JSON objects, protobuf messages, bytes as they are.
//
//   const auto table = leat::describe_table(*engine, "readings").value();
//   const auto mapping = leat::map_json(table, {.columns = {{"celsius", "sensors.0.celsius"}, {"at", "$time"}},
//                                               .others = leat::MappingOptions::Others::kByName}).value();
//   leat::RowBatch batch;
//   if (auto row = mapping.encode(batch, message); !row) std::cerr << row.error().message() << '\n';
//
// A column's source is either of the message itself
//   $subject, $subject.1 (its second token), $sequence, $time (when it was stored), $header.NAME, $payload
// or a path into the payload: names and list indexes (from 0) with dots between, "sensors.0.celsius"; or, for names
// with dots in them or a `$` in front, a JSON pointer (RFC 6901), "/sensors/0/celsius".
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "leat/clickhouse.h"
#include "leat/message.h"
#include "leat/result.h"
#include "leat/rows.h"

namespace leat {

struct MappingOptions {
  // Column to source. Empty: each column of the table that can be inserted has the source that the mapping says below.
  std::map<std::string, std::string> columns{};
  // What becomes of the columns that `columns` does not name, when it names any.
  enum class Others { kLeftOut, kByName } others = Others::kLeftOut;  // left to their defaults; as if it were empty
  // When a message has nothing for a column that is not Nullable.
  RowEncoder::Missing missing = RowEncoder::Missing::kRefused;
  // Names at the payload's top that no column takes. kRefused: the message is refused (protobuf: the mapping is, as its
  // fields are known before).
  RowEncoder::Unknown unknown = RowEncoder::Unknown::kIgnored;
};

// A value: copies share what never changes. Thread-safe, for a batch per thread.
struct RowMapping {
  RowEncoder encoder;  // the columns
  // Appends one row. kInvalidArgument, naming column and value: nothing was appended, and never will be; the message is
  // a dead letter.
  std::function<Result<void>(RowBatch& batch, const StoredMessage& message)> encode;
};

// All of them refuse at the start (kInvalidArgument), naming the nearest name where there is one: a column that the
// table has not or that is computed, a source that is none, and a source whose values can never fit the column's type.

// Payloads are JSON objects; values as RowEncoder::encode_json takes them. By name, a column is the key of its name.
Result<RowMapping> map_json(const TableDescription& table, const MappingOptions& options = {});

// Payloads are bytes that nobody looks into: only `$` sources. By name, the columns `payload`, `subject`, `sequence`
// and `time` are these; another one must have a DEFAULT.
Result<RowMapping> map_raw(const TableDescription& table, const MappingOptions& options = {});

// Payloads are protobuf messages of the type `message` ("package.Message"). `descriptor_set` is what
// `protoc --include_imports --descriptor_set_out=FILE` wrote (google's own types need not be in it). By name, a column
// is the field of its name; one without a field must have a DEFAULT. Columns take
//   numbers, bool        numbers; text columns do not
//   string, bytes        string as text of any column; bytes String and FixedString
//   enum                 String and Enum by name (Enum by number where it has no such name), Int and UInt by number
//   Timestamp            Date, DateTime, DateTime64; String as RFC 3339
//   Duration             Float and Decimal, as seconds; String ("1.5s")
//   wrappers             what they wrap
//   Struct               JSON, String; Value and ListValue String. A path goes on into them as into JSON
//   another message      Tuple with names, by field; JSON and String, as JSON
//   repeated, map        Array, Map; String, as JSON
// A field that can be absent (optional, of a oneof, a message) is NULL then, or `missing` decides.
// Errors: kInvalidArgument too for a descriptor set that is broken, and for a message's name that is not in it.
Result<RowMapping> map_protobuf(const TableDescription& table, std::string_view descriptor_set,
                                std::string_view message, const MappingOptions& options = {});

// Payloads are leat.ProcessedEnvelope (proto/leat/processed_envelope.proto): a device's data, with its organization and
// times. As map_protobuf otherwise.
Result<RowMapping> map_envelopes(const TableDescription& table, const MappingOptions& options = {});

}  // namespace leat
