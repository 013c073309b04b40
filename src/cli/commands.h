// Every command of the program: each adds itself to the command line, and chooses its action when it is named there.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/app.h"

namespace leat::cli {

// `app` outlives `root`, and `root` the chosen action.
void add_enqueue(CLI::App& root, App& app);
void add_worker(CLI::App& root, App& app);
void add_workers(CLI::App& root, App& app);
void add_job(CLI::App& root, App& app);
void add_queue(CLI::App& root, App& app);
void add_dead(CLI::App& root, App& app);
void add_events(CLI::App& root, App& app);
void add_schedule(CLI::App& root, App& app);
void add_scheduler(CLI::App& root, App& app);
void add_migrate(CLI::App& root, App& app);
void add_pipeline(CLI::App& root, App& app);
void add_ingest(CLI::App& root, App& app);
void add_demo(CLI::App& root, App& app);
void add_bench(CLI::App& root, App& app);

}  // namespace leat::cli
