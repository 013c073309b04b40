// Readings into ClickHouse: here its engine in this process, in the directory `readings`; a server is another URL.
#include <leat/batch_writer.h>
#include <leat/clickhouse.h>
#include <leat/migrations.h>
#include <leat/rows.h>

#include <iostream>

struct Reading {
  std::uint64_t device = 0;
  leat::SystemTime at{};
  std::string room{};
  std::optional<double> celsius{};

  static constexpr auto row() {
    return leat::row(leat::column("device", &Reading::device), leat::column("at", &Reading::at),
                     leat::column("room", &Reading::room), leat::column("celsius", &Reading::celsius));
  }
};

constexpr const char* kCreate = R"(-- +goose Up
CREATE TABLE readings (
  device UInt32, at DateTime64(3, 'UTC'), room LowCardinality(String), celsius Nullable(Float64),
  CONSTRAINT above_zero CHECK isNull(celsius) OR celsius > -273.15
) ENGINE = MergeTree ORDER BY (device, at) SETTINGS non_replicated_deduplication_window = 1000;

-- +goose Down
DROP TABLE readings;
)";

int main(int argc, char** argv) {
  const auto engine = leat::open_clickhouse(argc > 1 ? argv[1] : "chdb:readings").value();
  leat::Migrations(*engine, {leat::parse_migration("20260131120000_create_readings.sql", kCreate).value()})
      .up()
      .value();

  const auto table = leat::describe_table(*engine, "readings").value();
  const leat::BatchWriter writer(*engine, leat::RowEncoder::open<Reading>(table).value());
  const leat::SystemTime noon = leat::SystemTime{} + std::chrono::hours(12);
  leat::RowBatch batch;
  writer.encoder().encode(batch, Reading{7, noon, "kitchen", 21.5}).value();
  writer.encoder().encode(batch, Reading{8, noon, "cellar", -300.0}).value();  // fits the column, not the constraint
  writer.encoder()
      .encode_json(batch, R"({"device":9,"at":"2026-01-31T12:00:00Z","room":"attic","celsius":null})")
      .value();
  const auto misfit = writer.encoder().encode(batch, Reading{std::uint64_t{1} << 40, noon, "far away", 0.0});
  std::cout << misfit.error().message() << '\n';

  for (int i = 0; i < 2; ++i) {  // as after a lost answer: the same token, and stored once
    const auto report = writer.write(batch, {.token = "batch-1"}).value().value();
    std::cout << report.stored << " stored, row " << report.bad.at(0).index << " refused\n";
  }
  for (const auto& row :
       leat::query_rows(*engine, "SELECT device, room, celsius FROM readings ORDER BY device").value()) {
    std::cout << *row[0] << ' ' << *row[1] << ' ' << row[2].value_or("unknown") << '\n';
  }
}
