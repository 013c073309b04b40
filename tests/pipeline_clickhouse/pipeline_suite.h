// What the tests of the pipeline share: numbered events, their table, and a pipeline on a thread of its own.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/clickhouse_pipeline.h"
#include "tests/clickhouse/engines.h"

namespace leat::test {

using namespace std::chrono_literals;

// Brokers on the machine's clock, each with storage of its own. Which there are depends on the program.
struct TestBroker {
  virtual ~TestBroker() = default;
  std::shared_ptr<Broker> broker;
};
std::vector<std::string> pipeline_broker_kinds();
std::unique_ptr<TestBroker> open_test_broker(const std::string& kind);

// A row: the message's sequence and its number. A payload that is no number is no row; the table refuses numbers from
// 1'000'000'000 on.
constexpr std::uint64_t kRefused = 1'000'000'000;
RowMapping numbers_mapping(ClickHouse& engine, const std::string& table);
// With a dedupe window where there is such a thing.
std::string make_numbers_table(ClickHouse& engine);
constexpr const char* kNumbersColumns = "seq UInt64, n UInt64, m UInt8 MATERIALIZED throwIf(n >= 1000000000)";

// The stream "events" with the subjects events.>.
void make_events(Broker& broker);
void append_payloads(Broker& broker, const std::vector<std::string>& payloads, const std::string& subject = "events.a");
// "0", "1", ...
std::vector<std::string> numbers_from(std::uint64_t from, std::size_t count);

// Polls until it is true; false when it took too long.
bool comes_true(const std::function<bool()>& condition, Duration deadline = 60s);

// Lines of the log, for tests that look for one. Thread-safe.
class KeptLog : public Log {
 public:
  KeptLog() : Log(LogLevel::kDebug) {}
  bool has(const std::string& text) const;
  std::string all() const;

 protected:
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override;

 private:
  mutable Mutex mutex_;
  std::string text_ LEAT_GUARDED_BY(mutex_);
};

// run() on a thread of its own.
class RunningPipeline {
 public:
  RunningPipeline(Broker& broker, ClickHouse& engine, RowMapping mapping, ClickHousePipelineOptions options);
  ~RunningPipeline() { static_cast<void>(stop().has_value()); }
  RunningPipeline(const RunningPipeline&) = delete;
  RunningPipeline& operator=(const RunningPipeline&) = delete;

  ClickHousePipeline& operator*() { return pipeline_; }
  ClickHousePipeline* operator->() { return &pipeline_; }
  bool comes_to(std::uint64_t sequence);
  bool ended() const { return ended_; }
  // Requests stop and waits; what run() returned.
  Result<void> stop();
  // Waits until run() returns by itself; a failure, and stopped, when it does not within a minute.
  Result<void> wait();

 private:
  ClickHousePipeline pipeline_;
  std::stop_source stop_;
  std::atomic<bool> ended_{false};
  Result<void> result_;
  Thread thread_;
};

// What a pipeline that ends by itself returns.
Error ending_of(Broker& broker, ClickHouse& engine, RowMapping mapping, ClickHousePipelineOptions options);

ClickHousePipelineOptions quick(const std::string& name, Log* log = nullptr);
std::vector<StoredMessage> dead_letters(Broker& broker);
// "count distinct sum" of the column n.
std::string numbers_in(ClickHouse& engine, const std::string& table);

}  // namespace leat::test
