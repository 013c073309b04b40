// Where exceptions of the user's functions end.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "leat/result.h"

namespace leat {

// The text of what `call` throws; empty when it returns.
std::optional<std::string> what_it_throws(const std::function<void()>& call);

// What `call` returns; what it throws is an error: an Error as it is, anything else as kInternal.
Result<void> result_of(const std::function<Result<void>()>& call);

}  // namespace leat
