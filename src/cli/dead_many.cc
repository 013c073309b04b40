#include "cli/dead_many.h"

#include "cli/progress.h"
#include "cli/stop_at_signal.h"
#include "cli/table.h"

namespace leat::cli {
namespace {

std::string summary(const std::string& verb, const DeadLetterReport& report) {
  std::string text = verb + " " + with_commas(report.done) + (report.done == 1 ? " dead letter" : " dead letters");
  if (report.failed > 0) text += ", failed " + with_commas(report.failed);
  return text;
}

void print_report(const App& app, const std::string& verb, const DeadLetterReport& report) {
  if (!app.options.json) {
    for (const DeadLetterFailure& failure : report.failures)
      print_error(app.options, failure.error.with_context("dead letter " + std::to_string(failure.number)));
    app.print(summary(verb, report));
    return;
  }
  nlohmann::json json{{verb, report.done}, {"failed", report.failed}, {"failures", nlohmann::json::array()}};
  for (const DeadLetterFailure& failure : report.failures) {
    json["failures"].push_back(
        {{"number", failure.number}, {"id", failure.id.str()}, {"error", failure.error.message()}});
  }
  app.print_json(json);
}

}  // namespace

Result<int> run_over_dead_letters(App& app, const std::string& verb, double rate, const DeadLetterRunner& runner) {
  Progress progress(Progress::style_for_stderr(Progress::Style::kNone));
  StopAtSignal stop;
  const DeadLetterRun run{.rate = rate,
                          .on_progress = [&](const DeadLetterReport& report) { progress.show(summary(verb, report)); }};
  const auto report = runner(run, stop.token());
  progress.clear();
  if (!report) return report.error();
  print_report(app, verb, *report);
  if (report->ended_by) return report->ended_by->with_context("not all could be " + verb);
  if (stop.token().stop_requested()) {
    return Error(ErrorCode::kUnavailable, "interrupted: give the same command again for the rest");
  }
  return report->failed == 0 ? kExitOk : kExitFailure;
}

}  // namespace leat::cli
