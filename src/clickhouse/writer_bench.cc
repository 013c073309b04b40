// How many rows a second one BatchWriter gets into ClickHouse, with every row counted afterwards.
//
// Usage: clickhouse_writer_bench URL [ROWS]     (chdb:DIRECTORY, clickhouse://host:8123)
#include <cstdio>
#include <cstdlib>
#include <string>

#include "leat/batch_writer.h"

namespace leat {
namespace {

struct Reading {
  std::uint64_t device = 0;
  SystemTime at{};
  std::string place{};
  double value = 0;
  std::string kind{};

  static constexpr auto row() {
    return leat::row(column("device", &Reading::device), column("at", &Reading::at), column("place", &Reading::place),
                     column("value", &Reading::value), column("kind", &Reading::kind));
  }
};

Reading reading_of(std::uint64_t number, SystemTime begin) {
  return {.device = number,
          .at = begin + std::chrono::milliseconds(number),
          .place = "building 7, room " + std::to_string(number % 5000),
          .value = static_cast<double>(number % 1000) * 0.25,
          .kind = number % 3 == 0 ? "temperature" : "humidity"};
}

const char* create_statement(const ClickHouseFacts& facts) {
  return facts.tokens
             ? "CREATE TABLE leat_bench (device UInt64, at DateTime64(3), place String, value Float64, kind "
               "LowCardinality(String)) ENGINE = MergeTree ORDER BY device SETTINGS "
               "non_replicated_deduplication_window = 100"
             : "CREATE TABLE leat_bench (device UInt64, at DateTime, place String, value Float64, kind String) "
               "ENGINE = MergeTree ORDER BY device";
}

Result<void> write_all(const BatchWriter& writer, std::uint64_t rows) {
  const SystemTime begin = real_clock().now();
  RowBatch batch;
  for (std::uint64_t i = 0; i < rows; ++i) {
    if (auto encoded = writer.encoder().encode(batch, reading_of(i, begin)); !encoded) return encoded;
    if (!writer.full(batch) && i + 1 < rows) continue;
    if (auto written = writer.write(batch); !written) return written.error();
    batch.clear();
  }
  return {};
}

Result<void> measure(const std::string& url, std::uint64_t rows) {
  auto engine = open_clickhouse(url);
  if (!engine) return engine.error();
  static_cast<void>((*engine)->execute("DROP TABLE IF EXISTS leat_bench"));
  if (auto made = (*engine)->execute(create_statement((*engine)->facts())); !made) return made;
  const auto table = describe_table(**engine, "leat_bench");
  if (!table) return table.error();
  auto encoder = RowEncoder::open<Reading>(*table);
  if (!encoder) return encoder.error();
  const BatchWriter writer(**engine, std::move(*encoder));
  const SteadyTime begin = real_clock().steady();
  if (auto written = write_all(writer, rows); !written) return written;
  const double seconds = std::chrono::duration<double>(real_clock().steady() - begin).count();
  const auto counted = (*engine)->query("SELECT count(), uniqExact(device) FROM leat_bench");
  if (!counted) return counted.error();
  const bool exact = *counted == std::to_string(rows) + "\t" + std::to_string(rows) + "\n";
  std::printf("%s: %llu rows in %.2f s, %.0f rows/s, %s\n", (*engine)->facts().version.c_str(),
              static_cast<unsigned long long>(rows), seconds, static_cast<double>(rows) / seconds,
              exact ? "each there once" : "NOT EXACT");
  static_cast<void>((*engine)->execute("DROP TABLE leat_bench"));
  return exact ? Result<void>() : Error(ErrorCode::kInternal, "rows are missing or doubled");
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: clickhouse_writer_bench URL [ROWS]\n");
    return 2;
  }
  const auto measured = leat::measure(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5'000'000);
  if (!measured) std::fprintf(stderr, "%s\n", measured.error().message().c_str());
  return measured ? 0 : 1;
}
