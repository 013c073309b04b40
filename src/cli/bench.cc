// `leat bench`
#include "bench/bench.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "bench/promises.h"
#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "core/text.h"

namespace leat::cli {
namespace {

using Verdict = BenchReport::Verdict;

const char* to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kKept: return "kept";
    case Verdict::kMissed: return "missed";
    case Verdict::kNotMeasured: return "not_measured";
    case Verdict::kLeftOut: return "left_out";
  }
  return "";
}

nlohmann::json to_json(const BenchReport& report) {
  return {{"case", report.name},
          {"broker", report.broker},
          {"durability", report.durability},
          {"jobs", report.jobs},
          {"per_s", report.per_s},
          {"raw_per_s", report.raw_per_s},
          {"ratio", report.ratio},
          {"p50_ms", report.p50_ms},
          {"p99_ms", report.p99_ms},
          {"fsync_ms", report.fsync_ms},
          {"each_us", report.each_us},
          {"needs", report.needs},
          {"verdict", to_text(report.verdict)},
          {"exact", report.exact},
          {"note", report.note}};
}

std::string rounded(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string needs_text(const BenchReport& report) {
  if (report.needs == 0) return "-";
  const bool at_most = report.bound == BenchReport::Bound::kMost;
  std::string needs = (at_most ? "at most " : "") + rounded(report.needs, report.needs < 10 ? 2 : 0);
  switch (report.verdict) {
    case Verdict::kKept: return needs;
    case Verdict::kMissed: return needs + " MISSED";
    case Verdict::kNotMeasured: return needs + " NOT MEASURED";
    case Verdict::kLeftOut: return needs + " not measured";
  }
  return needs;
}

std::vector<std::string> to_row(const BenchReport& report) {
  const auto shown = [](double value, int digits) { return value > 0 ? rounded(value, digits) : "-"; };
  return {report.name,
          shown(report.per_s, 0),
          shown(report.raw_per_s, 0),
          shown(report.ratio, 2),
          needs_text(report),
          shown(report.p50_ms, 2),
          shown(report.p99_ms, 2),
          shown(report.fsync_ms, 2),
          shown(report.each_us, 2),
          report.verdict == Verdict::kLeftOut ? "-"
          : report.exact                      ? "yes"
                                              : "NO"};
}

struct BenchCommand {
  BenchOptions options;
  bool check = false;
};

Result<int> bench(App& app, const BenchCommand& command) {
  BenchOptions options = command.options;
  options.url = app.options.url;
  if (options.url.empty() && needs_broker(options))
    return Error(ErrorCode::kInvalidArgument, "no broker URL: give --url sqlite:bench.db or nats://HOST");
  options.program = std::filesystem::read_symlink("/proc/self/exe").string();
  using enum Column::Align;
  Table table({{"CASE"},
               {"LEAT/S", kRight},
               {"RAW/S", kRight},
               {"RATIO", kRight},
               {"NEEDS"},
               {"P50 MS", kRight},
               {"P99 MS", kRight},
               {"FSYNC MS", kRight},
               {"US EACH", kRight},
               {"EXACT"}});
  bool good = true;
  std::string broker;
  std::vector<std::string> notes;
  const auto done = run_bench(options, [&](const BenchReport& report) {
    good = good && (command.check ? is_kept(report) : is_exact(report));
    if (!report.broker.empty()) broker = report.broker + ", an ok means: " + report.durability;
    if (!report.note.empty() && std::find(notes.begin(), notes.end(), report.note) == notes.end()) {
      notes.push_back(report.note);
    }
    if (app.options.json) {
      app.print_json(to_json(report));
    } else {
      table.add_row(to_row(report));
    }
  });
  if (!done) return done.error();
  if (!app.options.json) {
    if (!broker.empty()) app.print(broker);
    app.print(table.str());
    for (const std::string& note : notes) app.print("note: " + note);
  }
  return good ? kExitOk : kExitFailure;
}

}  // namespace

void add_bench(CLI::App& root, App& app) {
  auto* command = root.add_subcommand("bench", "Measure leat against the raw client of the broker");
  command->description(
      "Measures leat against the raw client doing the same work in the same run, and checks that every job came once.\n"
      "The median of the rounds counts. Figures of one machine at one moment: compare the ratios. Needs: what leat\n"
      "promises of the ratio, or of its own figure where there is no raw one; of `cron`, which uses no broker, the\n"
      "most microseconds that finding one run may take.");
  const auto shared = std::make_shared<BenchCommand>();
  BenchOptions& options = shared->options;
  command->add_option("--case", options.cases, "Only these, separated by commas: " + joined(bench_cases()))
      ->delimiter(',');
  command->add_option("--jobs", options.jobs, "Jobs of the cases that go in bulk")
      ->check(CLI::Range(1000, 100'000'000))
      ->capture_default_str();
  command->add_option("--payload", options.payload, "Bytes of a payload")
      ->check(CLI::Range(32, 1'000'000))
      ->capture_default_str();
  command->add_option("--batch", options.batch, "Jobs of one call")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--concurrency", options.concurrency, "Handler threads")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--rounds", options.rounds, "Rounds of each case")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option(
      "--clickhouse", options.clickhouse,
      "Where the pipeline writes; unless given, ClickHouse's engine in this process, for its cases alone");
  add_chdb(*command, options.library);
  command->add_flag("--check", shared->check, "Fail when a figure misses what it needs, or is missing, too");
  end_help_with(*command, "leat bench --url sqlite:bench.db --case enqueue-bulk,process-bulk");
  command->callback([&app, shared] { app.choose([shared](App& chosen) { return bench(chosen, *shared); }); });

  auto* latency = root.add_subcommand("bench-latency-worker", "");
  latency->group("");  // the benchmark's other process; not for people
  const auto arguments = std::make_shared<std::vector<std::string>>();
  latency->add_option("arguments", *arguments)->expected(3);
  latency->callback([&app, arguments] {
    app.choose([arguments](App&) -> Result<int> {
      return run_latency_worker(arguments->at(0), arguments->at(1), std::stoul(arguments->at(2)));
    });
  });
}

}  // namespace leat::cli
