// How commands that run until a signal do so: one worker under a runner, with probes if they are asked for.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/app.h"
#include "leat/worker.h"

namespace leat::cli {

// `--health ADDRESS`, checked while the command line is parsed. The target outlives the command.
CLI::Option* add_health(CLI::App& command, std::string& target);

// Runs the worker until SIGINT or SIGTERM; its broker is the app's. Errors: what failed first.
Result<int> serve(App& app, Worker& worker, const std::string& health, Log& log);

}  // namespace leat::cli
