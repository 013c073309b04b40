// `leat job`
#include "leat/job.h"

#include "cli/command_options.h"
#include "cli/commands.h"
#include "cli/job_result.h"

namespace leat::cli {
namespace {

struct ResultOptions {
  std::string id;
  Duration wait{0};
};

Result<int> result(App& app, const ResultOptions& options) {
  const auto id = JobId::parse(options.id);
  if (!id) return id.error();
  return print_result(app, *id, options.wait);
}

}  // namespace

void add_job(CLI::App& root, App& app) {
  auto* job = root.add_subcommand("job", "Look at single jobs");
  job->require_subcommand(1);
  end_help_with(*job, "leat job result medium.default.01J9ZK3V8N4Q0X5T7R2M6B1C3D");
  auto* at = job->add_subcommand("result", "Print the result of a job that was enqueued with --result");
  auto options = std::make_shared<ResultOptions>();
  at->add_option("ID", options->id, "As `leat enqueue` printed it")->required();
  add_duration(*at, "--wait", options->wait, "Wait for it this long");
  end_help_with(*at, "leat job result medium.default.01J9ZK3V8N4Q0X5T7R2M6B1C3D --wait 30s");
  at->callback([&app, options] { app.choose([options](App& chosen) { return result(chosen, *options); }); });
}

}  // namespace leat::cli
