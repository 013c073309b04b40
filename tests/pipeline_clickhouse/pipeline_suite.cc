#include "tests/pipeline_clickhouse/pipeline_suite.h"

#include "core/text.h"

namespace leat::test {
namespace {

struct Row {
  std::uint64_t seq = 0;
  std::uint64_t n = 0;
  static constexpr auto row() { return leat::row(column("seq", &Row::seq), column("n", &Row::n)); }
};

}  // namespace

RowMapping numbers_mapping(ClickHouse& engine, const std::string& table) {
  const RowEncoder encoder = RowEncoder::open<Row>(describe_table(engine, table).value()).value();
  return {encoder, [encoder](RowBatch& batch, const StoredMessage& message) -> Result<void> {
            const auto number = parse_number(message.payload.substr(0, message.payload.find(' ')));
            if (!number) return Error(ErrorCode::kInvalidArgument, "\"" + message.payload + "\" is no number");
            return encoder.encode(batch, Row{message.sequence, *number});
          }};
}

std::string make_numbers_table(ClickHouse& engine) {
  const std::string name = fresh_name();
  engine
      .execute("CREATE TABLE " + name + " (" + kNumbersColumns + ") ENGINE = MergeTree ORDER BY seq" +
               (engine.facts().tokens ? " SETTINGS non_replicated_deduplication_window = 1000" : ""))
      .value();
  return name;
}

void make_events(Broker& broker) {
  broker.ensure_stream({.name = "events", .subjects = {"events.>"}}).value();
}

void append_payloads(Broker& broker, const std::vector<std::string>& payloads, const std::string& subject) {
  std::vector<AppendRequest> requests(payloads.size());
  for (std::size_t i = 0; i < payloads.size(); ++i) requests[i].message = {subject, {}, payloads[i]};
  for (const auto& appended : broker.append("events", requests)) appended.value();
}

std::vector<std::string> numbers_from(std::uint64_t from, std::size_t count) {
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < count; ++i) payloads.push_back(std::to_string(from + i));
  return payloads;
}

bool comes_true(const std::function<bool()>& condition, Duration deadline) {
  constexpr Duration kPoll = 10ms;
  const SteadyTime until = real_clock().steady() + deadline;
  while (!condition()) {
    if (real_clock().steady() >= until) return false;
    sleep_for(real_clock(), kPoll, {});
  }
  return true;
}

bool KeptLog::has(const std::string& text) const {
  return all().find(text) != std::string::npos;
}

std::string KeptLog::all() const {
  MutexLock lock(mutex_);
  return text_;
}

void KeptLog::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  MutexLock lock(mutex_);
  text_.append(to_string(level)).append(" ").append(message);
  for (const LogField& field : fields) text_.append(" ").append(field.name).append("=").append(field.value);
  text_ += '\n';
}

RunningPipeline::RunningPipeline(Broker& broker, ClickHouse& engine, RowMapping mapping,
                                 ClickHousePipelineOptions options)
    : pipeline_(broker, engine, std::move(mapping), std::move(options)) {
  thread_ = start_thread("pipeline", [this](const std::stop_token&) {
    result_ = pipeline_.run(stop_.get_token());
    ended_ = true;
  });
}

bool RunningPipeline::comes_to(std::uint64_t sequence) {
  return comes_true([&] { return ended_ || pipeline_.counts().done_up_to >= sequence; }) && !ended_;
}

Result<void> RunningPipeline::stop() {
  stop_.request_stop();
  if (thread_.joinable()) thread_.join();
  return result_;
}

Result<void> RunningPipeline::wait() {
  EXPECT_TRUE(comes_true([this] { return ended(); })) << "the pipeline goes on";
  return stop();
}

Error ending_of(Broker& broker, ClickHouse& engine, RowMapping mapping, ClickHousePipelineOptions options) {
  RunningPipeline running(broker, engine, std::move(mapping), std::move(options));
  const auto ended = running.wait();
  return ended ? Error(ErrorCode::kInternal, "it runs") : ended.error();
}

ClickHousePipelineOptions quick(const std::string& name, Log* log) {
  return {.name = name, .stream = "events", .max_wait = 50ms, .first_pause = 10ms, .log = log};
}

std::vector<StoredMessage> dead_letters(Broker& broker) {
  const auto reader = broker.open_reader({.stream = "leat_pipelines_dlq"}).value();
  std::vector<StoredMessage> all;
  while (true) {
    auto some = reader->read({}, {}).value();
    if (some.empty()) return all;
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
}

std::string numbers_in(ClickHouse& engine, const std::string& table) {
  std::string text = engine.query("SELECT count(), uniqExact(n), sum(n) FROM " + table).value();
  for (char& c : text) c = c == '\t' ? ' ' : c;
  text.pop_back();
  return text;
}

}  // namespace leat::test
