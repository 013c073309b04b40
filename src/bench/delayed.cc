#include "bench/delayed.h"

#include <signal.h>

#include <algorithm>
#include <tuple>

#include "bench/measure.h"
#include "bench/program.h"
#include "core/mutex.h"
#include "leat/leat.h"

namespace leat {
namespace {

using std::chrono::seconds;
constexpr Duration kFarAway = std::chrono::hours(24);
constexpr Duration kLongestRun = seconds(120);
constexpr Duration kAtOnce = std::chrono::milliseconds(1);
constexpr Duration kLookAgain = std::chrono::milliseconds(25);  // each look costs the broker something

// What the case works on.
class Jobs {
 public:
  Jobs(const BenchOptions& options, Broker& broker, std::string name_space)
      : options_(options),
        broker_(broker),
        name_(std::move(name_space)),
        queue_(broker, {.name_space = {.name = name_}}) {}

  // Seconds that it took to store a batch.
  double push(const PushOptions& push, std::size_t count) {
    std::vector<Result<EncodedJob>> jobs(count, EncodedJob{"bench", std::string(options_.payload, 'x'), {}});
    const SteadyTime begin = real_clock().steady();
    for (const auto& pushed : queue_.push_many(std::move(jobs), push)) (void)pushed.value();
    return seconds_since(begin);
  }
  // In turn, so that both find the broker in the same state: jobs per second with the one and the other options.
  std::pair<double, double> push_in_turn(const PushOptions& one, const PushOptions& other, std::size_t count) {
    std::pair<double, double> spent{0, 0};
    for (std::size_t done = 0; done < count; done += options_.batch) {
      const std::size_t batch = std::min(options_.batch, count - done);
      spent.first += push(one, batch);
      spent.second += push(other, batch);
    }
    return {static_cast<double>(count) / spent.first, static_cast<double>(count) / spent.second};
  }
  void push_all(const PushOptions& options, std::size_t count) {
    for (std::size_t done = 0; done < count; done += options_.batch)
      push(options, std::min(options_.batch, count - done));
  }

  std::uint64_t in_queues() { return broker_.admin().stream(name_ + "_medium").value().messages; }
  std::uint64_t waiting() { return broker_.admin().stream(name_ + "_scheduled").value().messages; }
  void purge(const std::string& stream) { (void)broker_.admin().purge(name_ + stream, ">").value(); }

  // Seconds until so many jobs lie in their queues.
  double wait_for(std::uint64_t count) {
    const SteadyTime begin = real_clock().steady();
    while (in_queues() < count) {
      if (seconds_since(begin) > std::chrono::duration<double>(kLongestRun).count()) {
        throw Error(ErrorCode::kUnavailable, "the jobs that are due are not moved");
      }
      sleep_for(real_clock(), kLookAgain, {});
    }
    return seconds_since(begin);
  }

  std::vector<std::string> scheduler() const { return {"scheduler", "--url", options_.url, "--namespace", name_}; }

 private:
  const BenchOptions& options_;
  Broker& broker_;
  const std::string name_;
  Queue queue_;
};

BenchReport measure_enqueue(const BenchOptions& options, Jobs& jobs) {
  BenchReport report{.name = "enqueue-delayed", .jobs = options.jobs};
  (void)jobs.push({}, 1);  // creates the streams
  (void)jobs.push({.delay = kFarAway}, 1);
  std::tie(report.raw_per_s, report.per_s) = jobs.push_in_turn({}, {.delay = kFarAway}, options.jobs);
  jobs.purge("_medium");
  report.ratio = report.per_s / report.raw_per_s;
  report.exact = jobs.waiting() == options.jobs + 1;
  return report;
}

// Two schedulers; the one that leads is killed. A job that is due at once shows who moves it.
BenchReport measure_takeover(const BenchOptions& options, Jobs& jobs) {
  BenchReport report{.name = "takeover-delayed", .jobs = options.jobs};
  Program leader(options.program, jobs.scheduler());
  (void)jobs.push({.delay = kAtOnce}, 1);
  (void)jobs.wait_for(1);
  Program next(options.program, jobs.scheduler());
  sleep_for(real_clock(), seconds(1), {});  // until it has seen that somebody leads
  leader.send(SIGKILL);
  (void)jobs.push({.delay = kAtOnce}, 1);
  report.p50_ms = report.p99_ms = 1000 * jobs.wait_for(2);
  report.exact = jobs.waiting() == options.jobs + 1;
  report.note = "a leader with " + std::to_string(options.jobs) + " delayed jobs has " +
                std::to_string(next.resident() >> 20) + " MiB in memory";
  next.send(SIGTERM);
  return report;
}

BenchReport measure_moves(const BenchOptions& options, Jobs& jobs) {
  BenchReport report{.name = "move-delayed", .jobs = options.jobs};
  jobs.purge("_scheduled");
  jobs.purge("_medium");
  jobs.push_all({.delay = kAtOnce}, options.jobs);
  const SteadyTime begin = real_clock().steady();
  Program scheduler(options.program, jobs.scheduler());
  (void)jobs.wait_for(1);
  const SteadyTime first = real_clock().steady();
  (void)jobs.wait_for(options.jobs);
  report.exact = jobs.in_queues() == options.jobs;
  report.per_s = static_cast<double>(options.jobs) / seconds_since(first);
  report.p50_ms = report.p99_ms = 1000 * std::chrono::duration<double>(first - begin).count();
  scheduler.send(SIGTERM);
  return report;
}

}  // namespace

void measure_delayed(const BenchOptions& options, Broker& broker, const std::string& name_space,
                     const std::function<void(BenchReport)>& report) {
  Jobs jobs(options, broker, name_space);
  report(measure_enqueue(options, jobs));
  if (lives_in_one_process(broker)) {
    for (const char* name : {"takeover-delayed", "move-delayed"}) report(left_out(name, kOneProcess));
    return;
  }
  report(measure_takeover(options, jobs));
  report(measure_moves(options, jobs));
}

}  // namespace leat
