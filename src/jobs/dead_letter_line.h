// A dead letter as a line of JSON, for export and import (docs/spec/jobs.md).
#pragma once

#include <string>
#include <string_view>

#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/dead_letters.h"

namespace leat {

// Without the line break.
std::string dead_letter_line(const StoredMessage& message);

// What stores the letter of such a line unless it is there: its subject is made of queue and origin.
// kInvalidArgument naming the field and what is wrong with it.
Result<AppendRequest> letter_of_line(const Names& names, std::string_view line);

}  // namespace leat
