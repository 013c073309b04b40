// The one place of publish/subscribe where the user's exceptions end.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace leat {

// The text of what `call` throws; empty when it returns.
std::optional<std::string> what_callback_throws(const std::function<void()>& call);

}  // namespace leat
