#include "core/thrown.h"

#include <exception>

namespace leat {

std::optional<std::string> what_it_throws(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& thrown) {
    return thrown.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
  return std::nullopt;
}

Result<void> result_of(const std::function<Result<void>()>& call) {
  Result<void> result;
  const auto thrown = what_it_throws([&] {
    try {
      result = call();
    } catch (const Error& error) {
      result = error;
    }
  });
  if (thrown) return Error(ErrorCode::kInternal, *thrown);
  return result;
}

}  // namespace leat
