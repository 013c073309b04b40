#include "bench/bench.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>

#include "bench/cron.h"
#include "bench/delayed.h"
#include "bench/exactness.h"
#include "bench/latency.h"
#include "bench/measure.h"
#include "bench/pipeline.h"
#include "bench/promises.h"
#include "bench/pubsub.h"
#include "bench/raw_client.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "core/ulid.h"
#include "leat/leat.h"

namespace leat {
namespace {

constexpr std::string_view kKind = "bench";

// What all cases share.
struct Stage {
  const BenchOptions& options;
  Broker& broker;
  RawClient* raw;  // null when there is none
  std::string payload;

  std::size_t jobs(std::size_t share) const { return std::max<std::size_t>(options.jobs / share, options.batch); }
};

struct Figures {
  double per_s = 0;
  double raw_per_s = 0;
  bool exact = true;
};

std::string fresh_name_space() {
  std::string name = "bench_" + make_ulid(real_clock().now());
  return name;
}

void remove_name_space(Broker& broker, const std::string& name) {
  for (const char* stream : {"_high", "_medium", "_low", "_dlq", "_scheduled", "_done"})
    (void)broker.admin().delete_stream(name + stream);
  for (const char* bucket : {"_attempts", "_results", "_control", "_leader", "_workers"})
    (void)broker.admin().delete_stream("KV_" + name + bucket);
}

// The payload of job `number`: a number that the handler reads back, then filling.
std::string numbered(const std::string& payload, std::size_t number) {
  std::string text = payload;
  const std::string digits = std::to_string(number);
  text.replace(0, digits.size() + 1, digits + " ");
  return text;
}

std::vector<Result<EncodedJob>> make_jobs(const Stage& stage, std::size_t first, std::size_t count) {
  std::vector<Result<EncodedJob>> jobs;
  jobs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    jobs.push_back(EncodedJob{std::string(kKind), numbered(stage.payload, first + i), {}});
  }
  return jobs;
}

void require_all(const std::vector<Result<JobId>>& pushed) {
  for (const auto& one : pushed) (void)one.value();
}

double enqueue(const Stage& stage, const std::string& name_space, Lane lane, std::size_t jobs) {
  Queue queue(stage.broker, {.name_space = {.name = name_space}});
  // The raw client's payload is there before the clock starts, too.
  std::vector<std::vector<Result<EncodedJob>>> batches;
  for (std::size_t done = 0; done < jobs; done += stage.options.batch) {
    batches.push_back(make_jobs(stage, done, std::min(stage.options.batch, jobs - done)));
  }
  require_all(queue.push_many(std::vector<Result<EncodedJob>>{}, {.lane = lane}));  // creates the streams; so does raw
  const SteadyTime begin = real_clock().steady();
  for (auto& batch : batches) require_all(queue.push_many(std::move(batch), {.lane = lane}));
  return static_cast<double>(jobs) / seconds_since(begin);
}

double enqueue_singly(const Stage& stage, const std::string& name_space, std::size_t jobs, std::size_t threads) {
  Queue queue(stage.broker, {.name_space = {.name = name_space}});
  require_all(queue.push_many(make_jobs(stage, 0, 1)));  // creates the streams
  const std::size_t each = jobs / threads;
  const SteadyTime begin = real_clock().steady();
  {
    ThreadPool pool("push", threads, [&](std::size_t number, const std::stop_token&) {
      for (std::size_t i = 0; i < each; ++i) {
        (void)queue.push(EncodedJob{std::string(kKind), numbered(stage.payload, 1 + number * each + i), {}}).value();
      }
    });
    pool.stop();
  }
  return static_cast<double>(each * threads) / seconds_since(begin);
}

double process(const Stage& stage, const std::string& name_space, std::size_t jobs, bool& exact) {
  Exactness seen(jobs);
  Worker worker(stage.broker, {.concurrency = stage.options.concurrency, .name_space = {.name = name_space}});
  worker.handle(kKind, [&](JobContext& job) {
    seen.mark(job.payload());
    return Outcome::done();
  });
  const SteadyTime begin = real_clock().steady();
  worker.start().value();
  constexpr double kLongest = 120;
  while (worker.counts().done < jobs && seconds_since(begin) < kLongest) {
    sleep_for(real_clock(), std::chrono::milliseconds(1), {});
  }
  const double per_second = static_cast<double>(jobs) / seconds_since(begin);
  worker.stop();
  exact = exact && seen.is_exact();
  return per_second;
}

double raw_figure(RawClient* raw, const std::function<Result<double>(RawClient&)>& measure) {
  return raw == nullptr ? 0 : measure(*raw).value();
}

Figures enqueue_round(const Stage& stage, Lane lane) {
  const std::string name_space = fresh_name_space();
  const std::size_t jobs = stage.jobs(1);
  const RawWork work{name_space, jobs, stage.options.batch, stage.payload, lane};
  Figures figures;
  figures.raw_per_s = raw_figure(stage.raw, [&](RawClient& raw) { return raw.enqueue(work); });
  if (stage.raw != nullptr) stage.raw->clean(work);
  figures.per_s = enqueue(stage, name_space, lane, jobs);
  // Counted, not trusted: as many messages as jobs.
  const auto stored = stage.broker.admin().stream(name_space + "_medium");
  figures.exact = stored && stored->messages == jobs;
  remove_name_space(stage.broker, name_space);
  return figures;
}

Figures process_round(const Stage& stage, Lane lane) {
  const std::string name_space = fresh_name_space();
  const std::size_t jobs = stage.jobs(1);
  const RawWork work{name_space, jobs, std::min<std::size_t>(stage.options.batch, 500), stage.payload, lane};
  Figures figures;
  (void)raw_figure(stage.raw, [&](RawClient& raw) { return raw.enqueue(work); });
  figures.raw_per_s = raw_figure(stage.raw, [&](RawClient& raw) { return raw.process(work); });
  if (stage.raw != nullptr) stage.raw->clean(work);
  // Subscribes before there is anything to take; the raw client does before its clock starts, too.
  Worker(stage.broker, {.concurrency = stage.options.concurrency, .name_space = {.name = name_space}}).start().value();
  enqueue(stage, name_space, lane, jobs);
  figures.per_s = process(stage, name_space, jobs, figures.exact);
  remove_name_space(stage.broker, name_space);
  return figures;
}

Figures single_round(const Stage& stage, std::size_t threads) {
  const std::string name_space = fresh_name_space();
  const std::size_t jobs = std::max<std::size_t>(stage.options.jobs / (threads > 1 ? 4 : 40), threads);
  const RawWork work{name_space, jobs, 1, stage.payload, Lane::kAddressable};
  Figures figures;
  if (threads == 1) {
    figures.raw_per_s = raw_figure(stage.raw, [&](RawClient& raw) { return raw.enqueue_singly(work); });
    if (stage.raw != nullptr) stage.raw->clean(work);
  }
  figures.per_s = enqueue_singly(stage, name_space, jobs, threads);
  const auto stored = stage.broker.admin().stream(name_space + "_medium");
  figures.exact = stored && stored->messages == jobs / threads * threads + 1;
  remove_name_space(stage.broker, name_space);
  return figures;
}

// Jobs that have failed and wait for their next attempt.
void add_retries(const Stage& stage, const std::string& name_space) {
  constexpr std::size_t kWaiting = 20'000;
  enqueue(stage, name_space, Lane::kAddressable, kWaiting);
  WorkerOptions options{.concurrency = stage.options.concurrency, .name_space = {.name = name_space}};
  options.retry = RetryPolicy::fixed(std::chrono::hours(1));
  Worker worker(stage.broker, options);
  worker.handle(kKind, [](JobContext&) { return Outcome::retry("fails for the benchmark"); });
  worker.start().value();
  while (worker.counts().retried < kWaiting) sleep_for(real_clock(), std::chrono::milliseconds(1), {});
  worker.stop();
}

// Beside jobs that wait for a retry, and (as the raw figure) without any.
Figures retries_round(const Stage& stage) {
  Figures figures;
  const std::size_t jobs = stage.jobs(1);
  for (double* per_s : {&figures.raw_per_s, &figures.per_s}) {
    const std::string name_space = fresh_name_space();
    Worker(stage.broker, {.concurrency = stage.options.concurrency, .name_space = {.name = name_space}})
        .start()
        .value();
    if (per_s == &figures.per_s) add_retries(stage, name_space);
    enqueue(stage, name_space, Lane::kAddressable, jobs);
    *per_s = process(stage, name_space, jobs, figures.exact);
    remove_name_space(stage.broker, name_space);
  }
  return figures;
}

// So many tracked parents and one job after all of them: parents per second until that one has run.
double fan_in(const Stage& stage, std::size_t parents, bool& exact) {
  constexpr std::string_view kLast = "bench-last";
  const std::string name_space = fresh_name_space();
  Queue queue(stage.broker, {.name_space = {.name = name_space}});
  std::vector<JobId> ids;
  for (auto& pushed : queue.push_many(make_jobs(stage, 0, parents), {.track = true})) ids.push_back(pushed.value());
  (void)queue.push(EncodedJob{std::string(kLast), {}, {}}, {.track = true, .after = ids}).value();
  Exactness seen(parents);
  std::atomic<std::size_t> last_ran{0};
  Worker worker(stage.broker, {.concurrency = stage.options.concurrency, .name_space = {.name = name_space}});
  worker.handle(kKind, [&](JobContext& job) {
    seen.mark(job.payload());
    return Outcome::done();
  });
  worker.handle(kLast, [&](JobContext&) {
    ++last_ran;
    return Outcome::done();
  });
  const SteadyTime begin = real_clock().steady();
  worker.start().value();
  while (last_ran == 0 && seconds_since(begin) < 120) sleep_for(real_clock(), std::chrono::milliseconds(1), {});
  const double per_s = static_cast<double>(parents) / seconds_since(begin);
  worker.stop();
  exact = exact && seen.is_exact() && last_ran == 1;
  remove_name_space(stage.broker, name_space);
  return per_s;
}

// 10,000 parents unless --jobs says otherwise, and (as the raw figure) a tenth of them: 1 is a flat cost per parent.
Figures fan_in_round(const Stage& stage) {
  const std::size_t parents = std::min<std::size_t>(stage.options.jobs / 20, 10'000);
  Figures figures;
  figures.raw_per_s = fan_in(stage, parents / 10, figures.exact);
  figures.per_s = fan_in(stage, parents, figures.exact);
  return figures;
}

// Eight threads push at once: pushes per second. Exact: as many are accepted and stored as there are keys.
double push_from_threads(const Stage& stage, std::size_t pushes, std::size_t keys, bool unique, bool& exact) {
  constexpr std::size_t kThreads = 8;
  const std::string name_space = fresh_name_space();
  std::atomic<std::size_t> accepted{0}, failed{0};
  const auto count = [&](const Result<JobId>& pushed) {
    if (pushed) ++accepted;
    if (!pushed && pushed.error().code() != ErrorCode::kConflict) ++failed;
  };
  SteadyTime begin{};
  {
    Queue queue(stage.broker, {.name_space = {.name = name_space}});
    require_all(queue.push_many(std::vector<Result<EncodedJob>>{}));  // creates the streams
    begin = real_clock().steady();
    ThreadPool pool("push", kThreads, [&](std::size_t number, const std::stop_token&) {
      for (std::size_t i = number; i < pushes; i += kThreads) {
        PushOptions options;
        if (unique) options.unique = Unique{.key = "key-" + std::to_string(i % keys)};
        queue.push_async(EncodedJob{std::string(kKind), numbered(stage.payload, i), {}}, options, count);
      }
    });
    pool.stop();
  }  // every push has its answer
  const double per_s = static_cast<double>(pushes) / seconds_since(begin);
  const auto stored = stage.broker.admin().stream(name_space + "_medium");
  exact = exact && failed == 0 && accepted == keys && stored && stored->messages == keys;
  remove_name_space(stage.broker, name_space);
  return per_s;
}

// Half of --jobs, each key ten times; and (as the raw figure) without keys.
Figures unique_round(const Stage& stage) {
  const std::size_t pushes = stage.jobs(2);
  Figures figures;
  figures.raw_per_s = push_from_threads(stage, pushes, pushes, false, figures.exact);
  figures.per_s = push_from_threads(stage, pushes, pushes / 10, true, figures.exact);
  return figures;
}

// Publishes them all, then receives them all; so does the raw client.
Figures pubsub_round(const Stage& stage) {
  const std::string name = fresh_name_space();
  const std::size_t messages = stage.jobs(1);
  RawWork work{name, messages, stage.options.batch, stage.payload};
  work.shape = RawWork::Shape::kMessage;
  const double published = raw_figure(stage.raw, [&](RawClient& raw) { return raw.enqueue(work); });
  work.batch = std::min<std::size_t>(work.batch, 500);
  const double received = raw_figure(stage.raw, [&](RawClient& raw) { return raw.process(work); });
  if (stage.raw != nullptr) stage.raw->clean(work);
  Figures figures;
  if (published > 0 && received > 0) figures.raw_per_s = 1 / (1 / published + 1 / received);
  figures.per_s = publish_and_receive(stage.options, stage.broker, name, messages, figures.exact);
  return figures;
}

struct Case {
  std::string_view name;
  Figures (*round)(const Stage&);
};

constexpr Case kCases[] = {
    {"enqueue-bulk", [](const Stage& stage) { return enqueue_round(stage, Lane::kBulk); }},
    {"process-bulk", [](const Stage& stage) { return process_round(stage, Lane::kBulk); }},
    {"enqueue-addressable", [](const Stage& stage) { return enqueue_round(stage, Lane::kAddressable); }},
    {"process-addressable", [](const Stage& stage) { return process_round(stage, Lane::kAddressable); }},
    {"enqueue-singly", [](const Stage& stage) { return single_round(stage, 1); }},
    {"enqueue-32-threads", [](const Stage& stage) { return single_round(stage, 32); }},
    {"process-beside-retries", retries_round},
    {"fan-in", fan_in_round},
    {"unique", unique_round},
    {"pubsub", pubsub_round},
};
constexpr std::string_view kLatency = "latency";
constexpr std::string_view kPunctuality = "start-delayed";
constexpr std::string_view kDelayed = "delayed";
constexpr std::string_view kCron = "cron";
// Only when they are asked for, or a ClickHouse is given: not every machine has an engine.
constexpr std::string_view kPipeline = "pipeline";
constexpr std::string_view kWriter = "pipeline-writer";

BenchReport run_case(const Case& one, const Stage& stage) {
  BenchReport report{.name = std::string(one.name), .jobs = stage.options.jobs, .exact = true};
  std::vector<double> per_s, raw_per_s, ratios;
  for (unsigned round = 0; round < stage.options.rounds; ++round) {
    const Figures figures = one.round(stage);
    per_s.push_back(figures.per_s);
    raw_per_s.push_back(figures.raw_per_s);
    if (figures.raw_per_s > 0) ratios.push_back(figures.per_s / figures.raw_per_s);
    report.exact = report.exact && figures.exact;
  }
  report.per_s = median(per_s);
  report.raw_per_s = median(raw_per_s);
  report.ratio = median(ratios);
  return report;
}

Result<std::unique_ptr<RawClient>> open_raw(const Url& url) {
  if (url.scheme == "nats" || url.scheme == "tls") return open_raw_nats(url);
  if (url.scheme != "sqlite") return std::unique_ptr<RawClient>();
  const auto sync = url.params.find("sync");
  const auto directory = std::filesystem::absolute(url.path).parent_path();
  return open_raw_sqlite(directory.string(), sync == url.params.end() ? "full" : sync->second);
}

Result<void> check_cases(const std::vector<std::string>& wanted) {
  const auto known = bench_cases();
  for (const std::string& name : wanted) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string names;
    for (const std::string& one : known) names += (names.empty() ? "" : ", ") + one;
    return Error(ErrorCode::kInvalidArgument, "unknown case \"" + name + "\"; there are " + names);
  }
  return {};
}

bool is_wanted(const BenchOptions& options, std::string_view name) {
  const bool needs_engine = name == kPipeline || name == kWriter;
  if (options.cases.empty() && needs_engine) return !options.clickhouse.empty();
  return options.cases.empty() || std::find(options.cases.begin(), options.cases.end(), name) != options.cases.end();
}

Result<void> run_with_broker(const BenchOptions& options, const std::function<void(const BenchReport&)>& report) {
  const auto url = parse_url(options.url);
  if (!url) return url.error();
  auto broker = open_broker(options.url);
  if (!broker) return broker.error();
  auto raw = open_raw(*url);
  const Stage stage{options, **broker, raw ? raw->get() : nullptr,
                    std::string(std::max<std::size_t>(options.payload, 32), 'x')};
  const std::string without_raw = !raw ? raw.error().message() : *raw ? "" : "this broker has no raw client";
  const auto finish = [&](BenchReport done) {
    done.broker = (*broker)->capabilities().name + " " + (*broker)->capabilities().version;
    done.durability = (*broker)->capabilities().durability;
    if (done.note.empty()) done.note = without_raw;
    report(done);
  };
  try {
    for (const Case& one : kCases) {
      if (is_wanted(options, one.name)) finish(run_case(one, stage));
    }
    const auto in_a_name_space = [&](std::string_view name, const auto& measure) {
      if (!is_wanted(options, name)) return;
      const std::string name_space = fresh_name_space();
      measure(name_space);
      remove_name_space(**broker, name_space);
    };
    in_a_name_space(kLatency, [&](const std::string& name) { finish(measure_latency(options, **broker, name)); });
    in_a_name_space(kPunctuality,
                    [&](const std::string& name) { finish(measure_punctuality(options, **broker, name)); });
    in_a_name_space(kDelayed, [&](const std::string& name) { measure_delayed(options, **broker, name, finish); });
    if (is_wanted(options, kCron)) report(measure_cron(options));
    if (is_wanted(options, kPipeline)) finish(measure_pipeline(options, **broker, raw ? raw->get() : nullptr));
    if (is_wanted(options, kWriter)) report(measure_writer(options));
    if (options.cases.empty() && options.clickhouse.empty()) {
      for (const std::string_view name : {kPipeline, kWriter})
        finish(left_out(name, "no ClickHouse: give --clickhouse"));
    }
  } catch (const Error& error) {
    return error;
  }
  return {};
}

Result<void> run_without_broker(const BenchOptions& options, const std::function<void(const BenchReport&)>& report) {
  try {
    if (is_wanted(options, kCron)) report(measure_cron(options));
    if (is_wanted(options, kWriter)) report(measure_writer(options));
  } catch (const Error& error) {
    return error;
  }
  return {};
}

}  // namespace

std::vector<std::string> bench_cases() {
  std::vector<std::string> names;
  for (const Case& one : kCases) names.emplace_back(one.name);
  for (const std::string_view name : {kLatency, kPunctuality, kDelayed, kCron, kPipeline, kWriter})
    names.emplace_back(name);
  return names;
}

bool needs_broker(const BenchOptions& options) {
  const auto& cases = options.cases;
  return cases.empty() ||
         std::any_of(cases.begin(), cases.end(), [](const auto& name) { return name != kCron && name != kWriter; });
}

Result<void> run_bench(const BenchOptions& options, const std::function<void(const BenchReport&)>& report) {
  if (auto checked = check_cases(options.cases); !checked) return checked;
  const auto judged = [&](BenchReport done) {
    judge(done);
    report(done);
  };
  return needs_broker(options) ? run_with_broker(options, judged) : run_without_broker(options, judged);
}

}  // namespace leat
