#include "pubsub/call_callback.h"

#include <exception>

namespace leat {
namespace {

constexpr const char* kUnknown = "an exception that is no std::exception";

}  // namespace

Outcome call_handler(const MessageHandler& handler, MessageContext& message,
                     const std::function<Outcome(const std::exception&)>& verdict) {
  try {
    return handler(message);
  } catch (const std::exception& thrown) {
    return verdict ? verdict(thrown) : Outcome::retry(thrown.what());
  } catch (...) {
    return Outcome::retry(kUnknown);
  }
}

}  // namespace leat
