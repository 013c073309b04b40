#include "leat/router_middleware.h"
#include "pubsub/call_callback.h"

namespace leat {

MessageMiddleware recover(std::function<Outcome(const std::exception&)> verdict) {
  return [verdict = std::move(verdict)](MessageContext& message, const MessageHandler& next) {
    return call_handler(next, message, verdict);
  };
}

}  // namespace leat
