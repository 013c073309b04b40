#include "cli/dead_transfer.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "cli/progress.h"
#include "cli/table.h"

namespace leat::cli {
namespace {

std::string summary(const DeadLetterImport& report) {
  return "added " + with_commas(report.added) + ", already there " + with_commas(report.present) + ", failed " +
         with_commas(report.failed);
}

void print_report(const App& app, const DeadLetterImport& report) {
  if (!app.options.json) {
    for (const auto& [line, error] : report.failures)
      print_error(app.options, error.with_context("line " + std::to_string(line)));
    app.print(summary(report));
    return;
  }
  nlohmann::json json{{"added", report.added},
                      {"present", report.present},
                      {"failed", report.failed},
                      {"failures", nlohmann::json::array()}};
  for (const auto& [line, error] : report.failures)
    json["failures"].push_back({{"line", line}, {"error", error.message()}});
  app.print_json(json);
}

Result<int> import_stream(App& app, DeadLetters& dead, std::istream& in) {
  Progress progress(Progress::style_for_stderr(Progress::Style::kNone));
  const auto report = dead.import_from(
      in, {.log = &app.log(), .on_progress = [&](const DeadLetterImport& so_far) { progress.show(summary(so_far)); }});
  progress.clear();
  if (!report) return report.error();
  print_report(app, *report);
  if (report->ended_by) return *report->ended_by;
  return report->failed == 0 ? kExitOk : kExitFailure;
}

}  // namespace

// Standard output belongs to the lines, so people read the number on standard error.
Result<int> export_dead_letters(App& app, DeadLetters& dead, const DeadLetterFilter& filter) {
  const auto exported = dead.export_to(std::cout, filter);
  if (!exported) return exported.error();
  const std::string text = "exported " + with_commas(*exported) + (*exported == 1 ? " dead letter" : " dead letters");
  if (!app.options.json) std::cerr << text << '\n';
  return kExitOk;
}

Result<int> import_dead_letters(App& app, DeadLetters& dead, const std::string& path) {
  if (path == "-") return import_stream(app, dead, std::cin);
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error(ErrorCode::kInvalidArgument, "\"" + path + "\" cannot be read: " + std::strerror(errno));
  }
  return import_stream(app, dead, file);
}

}  // namespace leat::cli
