#include <leat/clickhouse.h>
#include <leat/clickhouse_pipeline.h>
#include <leat/memory_broker.h>
#include <leat/migrations.h>
#include <leat/row_mapping.h>

#include <iostream>

namespace {

leat::RowMapping readings() {
  leat::TableDescription table{"readings", {}, "MergeTree"};
  table.columns.push_back({"device", leat::parse_column_type("UInt32").value()});
  return leat::map_json(table).value();
}

// What a machine with a ClickHouse runs.
leat::Result<void> bring(leat::Broker& broker, const std::string& url) {
  const auto engine = leat::open_clickhouse(url);
  if (!engine) return engine.error();
  const auto file = leat::parse_migration("1_readings.sql", "-- +goose Up\nSELECT 1;\n").value();
  if (auto applied = leat::Migrations(**engine, {file}).up(); !applied) return applied.error();
  return leat::ClickHousePipeline(broker, **engine, readings(), {.name = "readings", .stream = "events"}).run({});
}

}  // namespace

int main() {
  leat::RowBatch rows;
  leat::StoredMessage message;
  message.payload = R"({"device":7})";
  readings().encode(rows, message).value();
  const auto broker = leat::open_memory_broker();
  const auto brought = bring(*broker, "clickhouse://127.0.0.1:1/nobody_listens");
  if (!brought) std::cout << brought.error().message() << '\n';
  return rows.bytes() == 4 && !brought ? 0 : 1;
}
