// The one place of publish/subscribe where the user's exceptions end.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "leat/router.h"

namespace leat {

// The text of what `call` throws; empty when it returns.
std::optional<std::string> what_callback_throws(const std::function<void()>& call);

// What the handler says; or, when it throws, what `verdict` says of that if there is one, else a retry.
Outcome call_handler(const MessageHandler& handler, MessageContext& message,
                     const std::function<Outcome(const std::exception&)>& verdict);

}  // namespace leat
