// `leat dead export` and `leat dead import`
#pragma once

#include <string>

#include "cli/app.h"
#include "leat/dead_letters.h"

namespace leat::cli {

// To standard output.
Result<int> export_dead_letters(App& app, DeadLetters& dead, const DeadLetterFilter& filter);
// From a file, or from standard input for "-". kExitFailure when a line was refused.
Result<int> import_dead_letters(App& app, DeadLetters& dead, const std::string& path);

}  // namespace leat::cli
