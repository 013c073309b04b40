#include "leat/router_middleware.h"

namespace leat {

MessageMiddleware correlate(std::string header) {
  return [header = std::move(header)](MessageContext& context, const MessageHandler& next) {
    const ReceivedMessage& message = context.message();
    if (const auto known = message.headers().get(header)) {
      context.outgoing().set(header, *known);
    } else {
      context.outgoing().set(header, message.stream() + "-" + std::to_string(message.sequence()));
    }
    return next(context);
  };
}

}  // namespace leat
