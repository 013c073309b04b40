// What to say of a command line that cannot be understood.
#pragma once

#include <CLI/CLI.hpp>

#include "leat/result.h"

namespace leat::cli {

// kInvalidArgument: what is wrong, the nearest command or option there is, and whose help tells more.
Error usage_error(const CLI::App& root, const CLI::ParseError& thrown);

}  // namespace leat::cli
