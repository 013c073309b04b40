// What a handler says of an attempt.
#pragma once

#include <string>
#include <utility>

#include "leat/clock.h"

namespace leat {

// Closed union of what can become of an attempt. A handler that throws has said retry(what).
class Outcome {
 public:
  enum class Kind { kDone, kRetry, kRetryAfter, kSnooze, kDead, kUndecodable, kCancelled };

  // Done, without a value.
  Outcome() = default;

  // Finished. The value is kept for those who asked for a result (PushOptions::result).
  static Outcome done(std::string value = {}) { return {Kind::kDone, std::move(value), Duration{0}}; }
  // This attempt failed: again after the retry policy's delay, dead when the attempts are used up.
  static Outcome retry(std::string error) { return {Kind::kRetry, std::move(error), Duration{0}}; }
  // The same with a delay of its own.
  static Outcome retry_after(Duration delay, std::string error) { return {Kind::kRetryAfter, std::move(error), delay}; }
  // Not yet: again after the delay. No attempt, and no failure.
  static Outcome snooze(Duration delay) { return {Kind::kSnooze, {}, delay}; }
  // Can never succeed: to the dead letters now.
  static Outcome dead(std::string error) { return {Kind::kDead, std::move(error), Duration{0}}; }
  // The payload cannot be read: to the dead letters now, with its bytes.
  static Outcome undecodable(std::string error) { return {Kind::kUndecodable, std::move(error), Duration{0}}; }
  // Stopped on purpose: gone without a dead letter.
  static Outcome cancelled(std::string reason = {}) { return {Kind::kCancelled, std::move(reason), Duration{0}}; }

  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }  // the value of kDone, the error or reason of the others
  Duration delay() const { return delay_; }          // of kRetryAfter and kSnooze

 private:
  Outcome(Kind kind, std::string text, Duration delay) : kind_(kind), text_(std::move(text)), delay_(delay) {}

  Kind kind_ = Kind::kDone;
  std::string text_;
  Duration delay_{0};
};

}  // namespace leat
