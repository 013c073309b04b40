// Prints what became of a job.
#pragma once

#include <chrono>
#include <optional>

#include "cli/app.h"
#include "leat/job.h"
#include "leat/results.h"

namespace leat::cli {

// Waits up to `wait` for the result and prints it. Returns kExitOk for a job that is done, kExitFailure for one that
// ended otherwise. Errors: kNotFound when there is no result (yet).
Result<int> print_result(App& app, const JobId& id, Duration wait);

}  // namespace leat::cli
