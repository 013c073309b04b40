// What messages and descriptor sets may hold: nothing crashes, and a batch has a whole row or none.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "leat/row_mapping.h"

namespace {

leat::TableDescription table_of(std::initializer_list<std::pair<const char*, const char*>> columns) {
  leat::TableDescription table{"t", {}, "MergeTree"};
  for (const auto& [name, type] : columns) table.columns.push_back({name, leat::parse_column_type(type).value()});
  return table;
}

void feed(const leat::RowMapping& mapping, std::string_view payload) {
  leat::StoredMessage message;
  message.subject = "a.b";
  message.payload = payload;
  leat::RowBatch batch;
  const bool taken = mapping.encode(batch, message).has_value();
  if (batch.size() != (taken ? 1U : 0U) || (!taken && batch.bytes() > 0)) std::abort();
}

const leat::RowMapping& json() {
  static const auto mapping = leat::map_json(table_of({{"a", "String"},
                                                       {"b", "Nullable(Float64)"},
                                                       {"c", "Array(Map(String, Int32))"},
                                                       {"d", "DateTime64(9)"}}),
                                             {.columns = {{"a", "a"}, {"b", "x.0.y"}, {"c", "c"}, {"d", "d"}},
                                              .missing = leat::RowEncoder::Missing::kZero})
                                  .value();
  return mapping;
}

const leat::RowMapping& envelopes() {
  static const auto mapping =
      leat::map_envelopes(
          table_of({{"data", "String"}, {"at", "DateTime64(9)"}, {"part", "Nullable(String)"}, {"whole", "String"}}),
          {.columns = {{"data", "data"}, {"at", "occurred_at"}, {"part", "data.a.0"}, {"whole", "processed_at"}},
           .missing = leat::RowEncoder::Missing::kZero})
          .value();
  return mapping;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  feed(json(), bytes);
  feed(envelopes(), bytes);
  const std::size_t cut = bytes.find("\n\n");
  const auto mapping = leat::map_protobuf(table_of({{"a", "String"}}), bytes.substr(0, cut), "M");
  if (mapping && cut != bytes.npos) feed(*mapping, bytes.substr(cut + 2));
  static_cast<void>(leat::map_json(table_of({{"a", "String"}}), {.columns = {{"a", std::string(bytes)}}}));
  return 0;
}
