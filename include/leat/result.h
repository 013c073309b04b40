// The one error type of the library, and the one way a fallible function reports it.
//
// Errors are values between the parts of leat. `value()` throws `leat::Error` for those who prefer exceptions.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace leat {

// Named after what the caller does next, not after where the error came from.
enum class ErrorCode {
  kInvalidArgument,  // fix the call: it can never succeed as it is
  kNotFound,         // the thing asked for is not there
  kConflict,         // something else is there, or the revision is another: read again and decide
  kUnavailable,      // nothing happened; try again later
  kUnknown,          // the answer was lost: it may or may not have happened
  kDenied,           // credentials or permissions are wrong
  kFull,             // a limit is reached (disk, stream limits): make room, then try again
  kLeaseLost,        // the lease ran out and another consumer may hold the message: do not settle it again
  kCorrupt,          // stored data is damaged or not ours
  kInternal,         // a bug in leat or in a part it stands on
};

// "invalid argument", "not found", ...
std::string_view to_string(ErrorCode code);

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

  // The same error with "context: " in front. Each layer adds what it alone knows, once.
  Error with_context(std::string_view context) const { return {code_, std::string(context) + ": " + message_}; }

 private:
  ErrorCode code_;
  std::string message_;
};

// A value or an error, with std::expected's member names.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // From anything that converts to T (a derived unique_ptr, a string literal, ...).
  template <class U>
  requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
      Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Throws the Error when there is no value. From a temporary it returns a value, not a reference into what is about to
  // die: `for (auto& letter : dead.list().value())` is safe.
  T& value() & {
    require_value();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    require_value();
    return *std::get_if<0>(&state_);
  }
  T value() && {
    require_value();
    return std::move(*std::get_if<0>(&state_));
  }

  // Undefined when there is no value.
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  // Undefined when there is a value.
  const Error& error() const noexcept { return *std::get_if<1>(&state_); }

  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }

 private:
  void require_value() const {
    if (!has_value()) throw error();
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (error_) throw *error_;
  }
  const Error& error() const noexcept { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace leat
