#include "bench/latency.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <vector>

#include "bench/program.h"
#include "core/mutex.h"
#include "core/text.h"
#include "core/url.h"
#include "leat/leat.h"

namespace leat {
namespace {

constexpr std::string_view kLatencyKind = "latency";
constexpr Duration kPace = std::chrono::milliseconds(5);
constexpr std::size_t kJobs = 1000;
constexpr Duration kDelay = std::chrono::seconds(2);  // of delayed jobs
constexpr Duration kLongestWait = std::chrono::seconds(60);

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

// A 4 KiB write and fsync, as a commit does it; milliseconds, 99th percentile.
double measure_fsync(const std::filesystem::path& directory) {
  const std::string path = (directory / "leat-fsync-probe").string();
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return 0;
  std::vector<double> times;
  const std::vector<char> page(4096, 'x');
  for (int i = 0; i < 200; ++i) {
    const SteadyTime begin = real_clock().steady();
    const bool wrote = pwrite(file, page.data(), page.size(), i % 16 * 4096) > 0 && fdatasync(file) == 0;
    if (wrote) times.push_back(std::chrono::duration<double, std::milli>(real_clock().steady() - begin).count());
  }
  close(file);
  std::filesystem::remove(path);
  std::sort(times.begin(), times.end());
  return percentile(times, 0.99);
}

// Starts the worker, pushes at a fixed rate whether or not the one before has started, and fills in the times. `push`
// stores a job whose payload is the moment from which its start is timed.
void run_open_loop(const BenchOptions& options, const std::string& name_space,
                   const std::function<void(Queue&, std::size_t)>& push, Broker& broker, BenchReport& report) {
  Program worker(options.program, {"bench-latency-worker", options.url, name_space, std::to_string(kJobs)});
  if (worker.read_line() != "ready") throw Error(ErrorCode::kInternal, "the worker process did not start");
  Queue queue(broker, {.name_space = {.name = name_space}});
  SteadyTime next = real_clock().steady();
  for (std::size_t i = 0; i < kJobs; ++i) {
    next += kPace;
    sleep_for(real_clock(), next - real_clock().steady(), {});
    push(queue, i);
  }
  std::vector<double> times;
  while (const auto line = worker.read_line()) times.push_back(std::strtod(line->c_str(), nullptr) / 1000.0);
  std::sort(times.begin(), times.end());
  report.exact = times.size() == kJobs && times.front() >= 0;
  report.jobs = kJobs;
  report.per_s = 1e9 / static_cast<double>(kPace.count());
  report.p50_ms = percentile(times, 0.50);
  report.p99_ms = percentile(times, 0.99);
}

// One clock for all processes of a machine.
EncodedJob timed_from(SteadyTime moment) {
  return {std::string(kLatencyKind), std::to_string(moment.time_since_epoch().count()), {}};
}

}  // namespace

BenchReport measure_latency(const BenchOptions& options, Broker& broker, const std::string& name_space) {
  if (lives_in_one_process(broker)) return left_out("latency", kOneProcess);
  BenchReport report{.name = "latency", .jobs = kJobs};
  const auto push = [](Queue& queue, std::size_t) { (void)queue.push(timed_from(real_clock().steady())).value(); };
  run_open_loop(options, name_space, push, broker, report);
  const auto url = parse_url(options.url);
  const bool is_file = url && url->scheme == "sqlite";
  report.fsync_ms = measure_fsync(is_file ? std::filesystem::absolute(url->path).parent_path()
                                          : std::filesystem::temp_directory_path());
  return report;
}

BenchReport measure_punctuality(const BenchOptions& options, Broker& broker, const std::string& name_space) {
  if (lives_in_one_process(broker)) return left_out("start-delayed", kOneProcess);
  BenchReport report{.name = "start-delayed", .jobs = kJobs};
  const auto push = [](Queue& queue, std::size_t) {
    const SystemTime due = std::chrono::ceil<std::chrono::milliseconds>(real_clock().now() + kDelay);
    const SteadyTime moment = real_clock().steady() + (due - real_clock().now());
    (void)queue.push(timed_from(moment), {.at = due}).value();
  };
  run_open_loop(options, name_space, push, broker, report);
  return report;
}

int run_latency_worker(const std::string& url, const std::string& name_space, std::size_t jobs) {
  auto broker = open_broker(url);
  if (!broker) return 1;
  Worker worker(**broker, {.concurrency = 1, .name_space = {.name = name_space}});
  std::vector<std::int64_t> microseconds;
  microseconds.reserve(jobs);
  std::atomic<std::size_t> count{0};
  worker.handle(kLatencyKind, [&](JobContext& job) {
    const auto now = real_clock().steady().time_since_epoch().count();
    const auto began = static_cast<std::int64_t>(parse_number(job.payload()).value_or(0));
    microseconds.push_back((now - began) / 1000);  // one handler thread
    ++count;
    return Outcome::done();
  });
  if (!worker.start()) return 1;
  std::puts("ready");
  std::fflush(stdout);
  const SteadyTime until = real_clock().steady() + kLongestWait;
  while (count < jobs && real_clock().steady() < until) sleep_for(real_clock(), std::chrono::milliseconds(5), {});
  worker.stop();
  for (const std::int64_t one : microseconds) std::printf("%lld\n", static_cast<long long>(one));
  return 0;
}

}  // namespace leat
