// What tests of mappings compare: tables by hand, messages, and rows with what RowEncoder makes of the same values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "leat/row_mapping.h"

namespace leat::test {

// Names and types; " DEFAULT" or " ALIAS" behind a type is what it says.
inline TableDescription table_of(const std::vector<std::pair<std::string, std::string>>& columns) {
  TableDescription table{"t", {}, "MergeTree"};
  for (const auto& [name, text] : columns) {
    using enum TableColumn::Default;
    const bool computed = text.ends_with(" ALIAS");
    const auto kind = computed ? kNotInsertable : text.ends_with(" DEFAULT") ? kExpression : kNone;
    const std::string type = text.substr(0, text.find(kind == kNone ? "\n" : computed ? " ALIAS" : " DEFAULT"));
    table.columns.push_back({name, parse_column_type(type).value(), kind});
  }
  return table;
}

inline StoredMessage message_of(std::string payload, std::string subject = "events.7.kitchen") {
  StoredMessage message;
  message.subject = std::move(subject);
  message.payload = std::move(payload);
  message.headers.set("Site", "north");
  message.sequence = 42;
  message.time = SystemTime(std::chrono::milliseconds(1'769'860'800'123));  // 2026-01-31T12:00:00.123Z
  return message;
}

// The row that a message becomes, or "refused: " and why; nothing may stay behind in the batch then.
inline std::string row_or_refusal(const RowMapping& mapping, const StoredMessage& message) {
  RowBatch batch;
  const auto encoded = mapping.encode(batch, message);
  if (encoded) return std::string(batch.rows());
  return (batch.bytes() == 0 && batch.empty() ? "refused: " : "LEFT BEHIND: ") + encoded.error().message();
}

// The row that the mapping's encoder makes of a JSON object.
inline std::string row_of(const RowMapping& mapping, const std::string& object) {
  RowBatch batch;
  const auto encoded = mapping.encoder.encode_json(batch, object);
  return encoded ? std::string(batch.rows()) : "no row: " + encoded.error().message();
}

}  // namespace leat::test
