// Runs over many dead letters: with a progress line, an end at Ctrl-C, and a report.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "cli/app.h"
#include "leat/dead_letters.h"

namespace leat::cli {

// What is run, with the run's options completed.
using DeadLetterRunner = std::function<Result<DeadLetterReport>(const DeadLetterRun&, std::stop_token)>;

// Runs it and prints the report; kExitFailure when any failed. `verb` is what is done to them: "retried".
Result<int> run_over_dead_letters(App& app, const std::string& verb, double rate, const DeadLetterRunner& runner);

}  // namespace leat::cli
