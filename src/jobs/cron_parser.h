// Reads what people write for cron.
#pragma once

#include <string_view>

#include "jobs/cron_expression.h"
#include "leat/result.h"

namespace leat {

// Five or six fields, or one of the names from `@yearly` to `@hourly`; spaces and tabs around and between them.
// kInvalidArgument says what stands at which position; the text's first character is at `first_position`. Refuses what
// could never match.
Result<CronExpression> parse_cron(std::string_view text, std::size_t first_position = 1);

}  // namespace leat
