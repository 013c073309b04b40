// Tells of settings that differ from what this program asked for. They are used as they are.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "leat/log.h"
#include "leat/settings.h"

namespace leat {

// Where drift is told: in the log that was given, else on standard error, so that nobody misses it.
Log& drift_log(Log* given);

// A line for each. `what` has the name: "stream", "subscription", "bucket".
void report_drift(Log& log, std::string_view what, const std::string& name, std::span<const Drift> drift);

}  // namespace leat
