// `leat demo`: thousands of real files through a queue while things go wrong, and every result checked.
#include <algorithm>
#include <cstdio>

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/demo_job.h"
#include "cli/demo_namespace.h"
#include "cli/demo_report.h"
#include "cli/demo_workers.h"
#include "cli/ingest_service.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "core/text.h"
#include "core/thread.h"
#include "leat/inspector.h"
#include "leat/queue.h"
#include "runner/signals.h"

namespace leat::cli {
namespace {

constexpr std::size_t kWorkers = 3;
constexpr std::chrono::milliseconds kLookEvery(50);
constexpr Duration kPatience = std::chrono::seconds(60);  // without any progress

struct DemoOptions {
  std::string directory = "/usr/include";
  std::size_t limit = 10'000;
  bool keep = false;
  std::string library{};  // libchdb.so; looked for unless given
};

class Demo {
 public:
  Demo(App& app, DemoNamespace& place, std::vector<PlannedJob> plan)
      : app_(app), place_(place), plan_(std::move(plan)), workers_(place.url(), place.name()) {}

  Result<int> run();
  const nlohmann::json& facts() const { return facts_; }  // of the report, for --json

 private:
  Result<void> enqueue();
  static Result<void> push(Queue& queue, const std::vector<PlannedJob*>& planned, const PushOptions& options);
  Result<void> watch_work();
  Result<bool> look();
  bool stands_still() const { return real_clock().steady() - progress_at_ > kPatience; }
  std::string progress_line(const std::vector<QueueCounts>& queues, std::uint64_t left) const;
  Result<void> kill_and_replace(std::uint64_t done);
  void compute(const std::stop_token& stop);
  int report(const DemoOutcome& outcome);
  void say(const std::string& line);

  App& app_;
  DemoNamespace& place_;
  std::vector<PlannedJob> plan_;
  std::vector<std::optional<FileFacts>> direct_;
  DemoWorkers workers_;
  Signals signals_;
  Progress progress_{Progress::style_for_stderr(Progress::Style::kLines)};
  const SteadyTime begin_ = real_clock().steady();
  nlohmann::json facts_;
  bool killed_ = false;
  std::uint64_t least_left_ = UINT64_MAX;
  SteadyTime progress_at_ = begin_;
};

Result<int> Demo::run() {
  if (auto enqueued = enqueue(); !enqueued) return enqueued.error();
  for (std::size_t i = 0; i < kWorkers; ++i) {
    if (auto started = workers_.start_one(); !started) return started.error();
  }
  direct_.resize(plan_.size());
  Thread computing = start_thread("direct", [this](const std::stop_token& stop) { compute(stop); });
  if (auto worked = watch_work(); !worked) return worked.error();
  workers_.stop();
  computing.join();
  progress_.clear();
  const auto outcome = read_outcome(place_.broker(), place_.name(), plan_);
  if (!outcome) return outcome.error();
  return report(*outcome);
}

void Demo::say(const std::string& line) {
  progress_.clear();
  if (!app_.options.json) app_.print(line);
  std::fflush(stdout);
}

Result<void> Demo::enqueue() {
  for (const std::string queue_name : {kDemoHeaders, kDemoOthers}) {
    Queue queue(place_.broker(), {.name = queue_name, .name_space = {.name = place_.name()}});
    for (const Priority priority : kPriorities) {
      std::vector<PlannedJob*> files;
      std::vector<PlannedJob*> missing;
      for (PlannedJob& planned : plan_) {
        if (planned.queue == queue_name && planned.priority == priority)
          (planned.will_die ? missing : files).push_back(&planned);
      }
      PushOptions options{.priority = priority, .result = KeepResult::kYes};
      if (auto pushed = push(queue, files, options); !pushed) return pushed;
      options.max_attempts = kDemoDeadAttempts;
      if (auto pushed = push(queue, missing, options); !pushed) return pushed;
    }
  }
  say(with_commas(plan_.size()) + " jobs enqueued on " + place_.broker().capabilities().name + " in " +
      format_duration(std::chrono::floor<std::chrono::milliseconds>(real_clock().steady() - begin_)));
  return {};
}

Result<void> Demo::push(Queue& queue, const std::vector<PlannedJob*>& planned, const PushOptions& options) {
  std::vector<HashFile> jobs;
  for (const PlannedJob* one : planned) jobs.push_back(one->job);
  const auto ids = queue.push_many(jobs, options);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!ids[i]) return ids[i].error();
    planned[i]->id = *ids[i];
  }
  return {};
}

// Returns when no job is left.
Result<void> Demo::watch_work() {
  while (true) {
    if (signals_.next(kLookEvery) != 0) return Error(ErrorCode::kUnavailable, "the demo was interrupted: run it again");
    const auto over = look();
    if (!over) return over.error();
    if (*over) return {};
    if (stands_still())
      return Error(ErrorCode::kInternal, "no job has ended for " + format_duration(kPatience) + ", and " +
                                             with_commas(least_left_) + " are left: look at the log of the workers");
  }
}

// True when no job is left. A broker that does not answer is looked at again.
Result<bool> Demo::look() {
  workers_.listen();
  const auto queues = Inspector(place_.broker(), {.name = place_.name()}).queues();
  if (!queues && queues.error().code() == ErrorCode::kUnavailable && !stands_still()) {
    progress_.show("the broker does not answer, and is asked again: " + queues.error().message());
    return false;
  }
  if (!queues) return queues.error();
  std::uint64_t left = 0;
  for (const QueueCounts& row : *queues) left += row.pending + row.unsettled;
  if (left < least_left_) {
    least_left_ = left;
    progress_at_ = real_clock().steady();
  }
  if (left > 0 && workers_.running() == 0) {
    progress_.clear();
    return Error(ErrorCode::kInternal, "no worker is left for " + with_commas(left) + " jobs (" + workers_.ends() +
                                           "): see what they wrote above, and run the demo again");
  }
  const std::uint64_t done = plan_.size() - std::min<std::uint64_t>(left, plan_.size());
  if (!killed_ && done >= plan_.size() / 3) {
    if (auto replaced = kill_and_replace(done); !replaced) return replaced.error();
  }
  progress_.show(progress_line(*queues, left));
  return left == 0;
}

std::string Demo::progress_line(const std::vector<QueueCounts>& queues, std::uint64_t left) const {
  const std::size_t total = plan_.size();
  std::string line = with_commas(total - std::min<std::uint64_t>(left, total)) + "/" + with_commas(total) + " settled";
  for (const Priority priority : kPriorities) {
    std::uint64_t waiting = 0;
    for (const QueueCounts& row : queues) waiting += row.priority == priority ? row.pending + row.unsettled : 0;
    line.append("  ").append(to_string(priority)).append(" ").append(with_commas(waiting)).append(" left");
  }
  return line + "  retries " + with_commas(workers_.retried()) + "  workers " + std::to_string(workers_.running());
}

Result<void> Demo::kill_and_replace(std::uint64_t done) {
  killed_ = true;
  workers_.kill_one();
  say("a worker killed with -9 after " + with_commas(done) + " jobs; what it had in hand comes back within 2 s");
  return workers_.start_one();
}

// What the workers should find, while they look for it.
void Demo::compute(const std::stop_token& stop) {
  for (std::size_t i = 0; i < plan_.size() && !stop.stop_requested(); ++i) {
    if (plan_[i].will_die) continue;
    if (auto facts = compute_directly(plan_[i].job.path)) direct_[i] = std::move(*facts);
  }
}

int Demo::report(const DemoOutcome& outcome) {
  const auto checks = check_demo(plan_, direct_, outcome, workers_.members());
  const bool ok = std::all_of(checks.begin(), checks.end(), [](const DemoCheck& check) { return check.ok; });
  const auto took = std::chrono::floor<std::chrono::milliseconds>(real_clock().steady() - begin_);
  facts_ = {{"jobs", plan_.size()}, {"ok", ok}, {"milliseconds", took.count()}};
  for (const DemoCheck& check : checks) facts_["checks"].push_back({{"what", check.what}, {"ok", check.ok}});
  if (app_.options.json) return ok ? kExitOk : kExitFailure;
  app_.print("\n" + queue_table(plan_, outcome));
  app_.print("\n" + worker_table(outcome, workers_.members()) + "\n");
  for (const DemoCheck& check : checks) app_.print((check.ok ? "ok      " : "FAILED  ") + check.what);
  app_.print((ok ? "\nall is right, after " : "\nsomething is wrong, after ") + format_duration(took));
  return ok ? kExitOk : kExitFailure;
}

// Events from a stream of the same broker into ClickHouse's own engine, where that can be had.
Result<int> ingest_events(App& app, DemoNamespace& place, const std::string& library, nlohmann::json& facts) {
  constexpr std::uint64_t kEvents = 100'000;
  const auto report = ingest([&] { return &place.broker(); },
                             {.clickhouse_url = "chdb:" + place.directory() + "/clickhouse",
                              .library = library,
                              .stream = place.name() + "_envelopes",
                              .name_space = place.name(),
                              .count = kEvents,
                              .rate = 0},
                             app.log());
  if (!report && report.error().code() == ErrorCode::kNotFound) {
    facts["clickhouse"] = {{"left_out", report.error().message()}};
    if (!app.options.json) app.print("\nevents into ClickHouse: left out, " + report.error().message());
    return kExitOk;
  }
  if (!report) return report.error();
  const bool ok = report->is_exact() && report->events == kEvents;
  facts["clickhouse"] = {{"events", report->events}, {"rows", report->rows}, {"ok", ok}};
  if (!app.options.json) {
    app.print((ok ? "\nok      " : "\nFAILED  ") + with_commas(report->events) +
              " events through a stream into ClickHouse's own engine: " + with_commas(report->rows) + " rows, " +
              with_commas(report->distinct) + " distinct, in " +
              format_duration(std::chrono::floor<std::chrono::milliseconds>(report->took)));
  }
  return ok ? kExitOk : kExitFailure;
}

// Each thing that it shows ends by itself; what is stored stays until the caller's `place` ends.
Result<int> show(App& app, DemoNamespace& place, std::vector<PlannedJob> plan, const std::string& library) {
  nlohmann::json facts;
  Result<int> ended = kExitOk;
  {
    Demo jobs(app, place, std::move(plan));
    ended = jobs.run();
    facts = jobs.facts();
  }
  if (ended && *ended == kExitOk) ended = ingest_events(app, place, library, facts);
  if (ended && app.options.json) app.print_json(facts);
  return ended;
}

Result<int> demo(App& app, const DemoOptions& options) {
  auto plan = plan_demo(options.directory, options.limit);
  if (!plan) return plan.error();
  auto place = DemoNamespace::open(app.options.url, app.log());
  if (!place) return place.error();
  if (options.keep) (*place)->keep();
  auto ended = show(app, **place, std::move(*plan), options.library);
  if (options.keep && !app.options.json) {
    const std::string arguments = (*place)->arguments();
    app.print("\nlook around:\n  leat queue list " + arguments + "\n  leat dead list " + arguments);
  }
  return ended;
}

// The other processes of the demo: a command that no help text shows.
void add_demo_worker(CLI::App& root, App& app) {
  auto* at = root.add_subcommand("demo-worker", "")->group("");
  auto name = std::make_shared<std::string>();
  at->add_option("--name", *name)->required();
  at->callback([&app, name] {
    app.choose([name](App& chosen) -> Result<int> {
      Log& log = chosen.log(LogLevel::kOff);  // its failures are meant to be
      auto broker = chosen.existing_broker();
      if (!broker) return broker.error();
      return run_demo_worker(**broker, chosen.options.name_space.name, *name, log);
    });
  });
}

}  // namespace

void add_demo(CLI::App& root, App& app) {
  auto* at = root.add_subcommand("demo", "Hash real files by jobs while a worker is killed, and check every result");
  at->description(
      "Enqueues a job for each file under DIR and runs them in three worker processes: some fail and are tried again,\n"
      "some die, and one worker is killed with -9 on the way. In the end every result is checked against a direct\n"
      "computation. Then events go through a stream into ClickHouse's own engine (libchdb), if it is installed, and "
      "are\n"
      "counted there. Without --url all happens in an SQLite file in a temporary directory, else in a namespace of "
      "its\n"
      "own; both are removed afterwards.");
  auto options = std::make_shared<DemoOptions>();
  at->add_option("DIR", options->directory, "Where the files are [/usr/include]");
  at->add_option("--limit", options->limit, "At most this many files [10000]")
      ->check(CLI::Range(1U, 1'000'000U))
      ->type_name("N");
  at->add_flag("--keep", options->keep, "Leave the data, and tell how to look at it");
  add_chdb(*at, options->library);
  end_help_with(*at, "leat demo /usr/share/doc --keep");
  at->callback([&app, options] { app.choose([options](App& chosen) { return demo(chosen, *options); }); });
  add_demo_worker(root, app);
}

}  // namespace leat::cli
