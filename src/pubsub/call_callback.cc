#include "pubsub/call_callback.h"

#include <exception>

namespace leat {
namespace {

constexpr const char* kUnknown = "an exception that is no std::exception";

}  // namespace

std::optional<std::string> what_callback_throws(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& thrown) {
    return thrown.what();
  } catch (...) {
    return kUnknown;
  }
  return std::nullopt;
}

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
