// The one place of publish/subscribe where the user's exceptions end.
#pragma once

#include <functional>

#include "leat/router.h"

namespace leat {

// What the handler says; or, when it throws, what `verdict` says of that if there is one, else a retry.
Outcome call_handler(const MessageHandler& handler, MessageContext& message,
                     const std::function<Outcome(const std::exception&)>& verdict);

}  // namespace leat
