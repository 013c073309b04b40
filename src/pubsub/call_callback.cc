#include "pubsub/call_callback.h"

#include <exception>

namespace leat {

std::optional<std::string> what_callback_throws(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& thrown) {
    return thrown.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
  return std::nullopt;
}

}  // namespace leat
