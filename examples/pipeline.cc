// From a stream into ClickHouse, a row per message, exactly once. Here both are files of this process: a stream in an
// SQLite file and ClickHouse's own engine in a directory; servers are other URLs.
#include <leat/clickhouse.h>
#include <leat/clickhouse_pipeline.h>
#include <leat/sqlite_broker.h>

#include <iostream>
#include <thread>

// Payloads like {"device":7,"celsius":21.5}, and the message's own sequence and time.
leat::RowMapping readings_mapping(const leat::TableDescription& table) {
  const std::vector<std::string> columns{"device", "celsius"};
  const leat::RowEncoder encoder = leat::RowEncoder::open(table, columns).value();
  return {encoder, [encoder](leat::RowBatch& batch, const leat::StoredMessage& message) {
            return encoder.encode_json(batch, message.payload);
          }};
}

int main(int argc, char** argv) {
  const auto broker = leat::open_sqlite_broker("readings.db").value();
  const auto engine = leat::open_clickhouse(argc > 1 ? argv[1] : "chdb:readings").value();
  engine
      ->execute(
          "CREATE TABLE readings (device UInt32, celsius Float64, CONSTRAINT above_zero CHECK celsius > -273.15) "
          "ENGINE = MergeTree ORDER BY device SETTINGS non_replicated_deduplication_window = 1000")
      .value();

  broker->ensure_stream({.name = "readings", .subjects = {"readings.>"}}).value();
  std::vector<leat::AppendRequest> readings(4);
  readings[0].message = {"readings.kitchen", {}, R"({"device":7,"celsius":21.5})"};
  readings[1].message = {"readings.cellar", {}, R"({"device":8,"celsius":-300})"};  // the table refuses it
  readings[2].message = {"readings.attic", {}, R"({"device":"the ninth"})"};        // no row can be made of it
  readings[3].message = {"readings.attic", {}, R"({"device":9,"celsius":30.25})"};
  for (const auto& appended : broker->append("readings", readings)) appended.value();

  const auto table = leat::describe_table(*engine, "readings").value();
  leat::ClickHousePipeline pipeline(*broker, *engine, readings_mapping(table),
                                    {.name = "readings",
                                     .stream = "readings",
                                     .max_wait = std::chrono::milliseconds(100),
                                     .guarantee = leat::ClickHousePipelineOptions::Guarantee::kExactlyOnce});
  std::stop_source stop;  // a service stops on SIGTERM
  const std::jthread watcher([&] {
    while (pipeline.counts().done_up_to < 4) std::this_thread::yield();
    stop.request_stop();
  });
  pipeline.run(stop.get_token()).value();

  for (const auto& row : leat::query_rows(*engine, "SELECT device, celsius FROM readings ORDER BY device").value()) {
    std::cout << "row " << *row[0] << ' ' << *row[1] << '\n';
  }
  const auto letters = broker->open_reader({.stream = "leat_pipelines_dlq"}).value();
  for (const auto& letter : letters->read({}, {}).value()) {
    std::cout << "dead " << *letter.headers.get("Leat-Dead-Sequence") << ' ' << letter.payload << '\n';
  }
}
