// The service that `leat pipeline run` is: its phases, one after the other, in one process of a Runner.
#pragma once

#include "cli/app.h"
#include "cli/pipeline_config.h"

namespace leat::cli {

// Runs until SIGINT or SIGTERM. Returns the exit code, or what failed first.
Result<int> run_pipeline(App& app, const PipelineConfig& config);

}  // namespace leat::cli
