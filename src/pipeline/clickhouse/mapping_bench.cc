// How many rows a second one core maps. No server, and nothing is written.
//
// Usage: clickhouse_mapping_bench [MESSAGES]
#include <google/protobuf/descriptor.pb.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "leat/processed_envelope.pb.h"
#include "leat/row_mapping.h"
#include "pipeline/clickhouse/sample_envelopes.h"

namespace leat {
namespace {

TableDescription table_of(std::initializer_list<std::pair<const char*, const char*>> columns) {
  TableDescription table{"bench", {}, "MergeTree"};
  for (const auto& [name, type] : columns) table.columns.push_back({name, parse_column_type(type).value()});
  return table;
}

std::vector<StoredMessage> messages_of(std::uint64_t seed, bool envelopes) {
  const auto samples = SampleEnvelopes::open({.seed = seed}).value();
  std::vector<StoredMessage> messages;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    StoredMessage& message = messages.emplace_back();
    static_cast<Message&>(message) = samples.make(i).message;
    message.sequence = i + 1;
    if (envelopes) continue;
    message.payload = R"({"device":)" + std::to_string(100'000 + i) +
                      R"(,"at":"2026-01-31T12:00:00.123Z","place":"building 7, room )" + std::to_string(i % 50) +
                      R"(","value":21.25,"kind":"temperature"})";
  }
  return messages;
}

void measure(const char* name, const RowMapping& mapping, const std::vector<StoredMessage>& messages,
             std::uint64_t count) {
  const SteadyTime begin = real_clock().steady();
  RowBatch batch;
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    mapping.encode(batch, messages[i % messages.size()]).value();
    if (batch.size() < 50'000) continue;
    bytes += batch.bytes();
    batch.clear();
  }
  const double seconds = std::chrono::duration<double>(real_clock().steady() - begin).count();
  std::printf("%-32s %9.0f rows/s, %zu bytes of rows\n", name, static_cast<double>(count) / seconds,
              bytes + batch.bytes());
}

std::string envelope_descriptors() {
  google::protobuf::FileDescriptorSet set;
  ProcessedEnvelope::descriptor()->file()->CopyTo(set.add_file());
  return set.SerializeAsString();
}

void run(std::uint64_t count) {
  const auto json = messages_of(1, false);
  const auto envelopes = messages_of(1, true);
  const TableDescription readings = table_of({{"device", "UInt64"},
                                              {"at", "DateTime64(3)"},
                                              {"place", "String"},
                                              {"value", "Float64"},
                                              {"kind", "LowCardinality(String)"}});
  measure("JSON, 5 columns by name", map_json(readings).value(), json, count);
  const TableDescription raw =
      table_of({{"subject", "String"}, {"sequence", "UInt64"}, {"time", "DateTime64(3)"}, {"payload", "String"}});
  measure("raw, 4 columns", map_raw(raw).value(), json, count);
  const TableDescription envelope = table_of({{"organization_id", "String"},
                                              {"end_device_id", "String"},
                                              {"occurred_at", "DateTime64(3)"},
                                              {"processed_at", "DateTime64(3)"},
                                              {"data", "String"}});
  measure("envelopes, data as JSON", map_envelopes(envelope).value(), envelopes, count);
  const auto set = envelope_descriptors();
  measure("the same by a descriptor set", map_protobuf(envelope, set, "leat.ProcessedEnvelope").value(), envelopes,
          count);
  const TableDescription flat = table_of({{"device", "String"}, {"at", "DateTime64(3)"}, {"celsius", "Float64"}});
  measure("envelopes, 3 columns by path",
          map_envelopes(
              flat, {.columns = {{"device", "end_device_id"}, {"at", "occurred_at"}, {"celsius", "data.temperature"}}})
              .value(),
          envelopes, count);
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) {
  leat::run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000);
}
