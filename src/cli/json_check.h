// Says whether a text is JSON, and where it is not.
#pragma once

#include <string_view>

#include "leat/result.h"

namespace leat::cli {

// Ok, or kInvalidArgument with the line and column of what is wrong.
Result<void> check_json(std::string_view text);

}  // namespace leat::cli
