// A job: a kind, a payload, and where it waits.
//
// Its id names the place where it waits (`medium.default.01J9...`), so everything about a job is found by one look-up,
// and stays the same in the message, the logs, its result and its dead letter.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "leat/clock.h"
#include "leat/message.h"
#include "leat/result.h"

namespace leat {

enum class Priority { kHigh, kMedium, kLow };
inline constexpr std::array kPriorities{Priority::kHigh, Priority::kMedium, Priority::kLow};

// "high", "medium", "low"
std::string_view to_string(Priority priority);
std::optional<Priority> parse_priority(std::string_view text);

// The identity of a job: priority, queue and key, joined by dots. Made when it is enqueued, the same for ever.
class JobId {
 public:
  JobId() = default;
  // The parts must be valid: a queue name as check_queue_name() wants it, a key that is one token of a subject.
  JobId(Priority priority, std::string_view queue, std::string_view key);
  // kInvalidArgument when it is no job id.
  static Result<JobId> parse(std::string_view text);

  const std::string& str() const { return text_; }
  Priority priority() const;
  std::string_view queue() const;
  std::string_view key() const;
  auto operator<=>(const JobId&) const = default;

 private:
  std::string text_;
};

// Ok, or kInvalidArgument saying what a queue name is: 1 to 64 letters, digits, `_` or `-`.
Result<void> check_queue_name(std::string_view name);
// Ok, or kInvalidArgument saying what a kind is: 1 to 128 printable characters without spaces.
Result<void> check_job_kind(std::string_view kind);

// Turns a job type into bytes and back. A type that nlohmann::json can convert has one as soon as leat/json.h is
// included; for others specialise it:
//   static Result<std::string> encode(const T&);       // an error refuses the push
//   static Result<T> decode(std::string_view bytes);   // kInvalidArgument: undecodable, the job becomes a dead letter
template <class T>
struct Codec;

// A struct with `static constexpr std::string_view kind`, unique among the jobs of a namespace.
template <class T>
concept Job = requires(const T& job, std::string_view bytes) {
  { T::kind } -> std::convertible_to<std::string_view>;
  { Codec<T>::encode(job) } -> std::convertible_to<Result<std::string>>;
  { Codec<T>::decode(bytes) } -> std::same_as<Result<T>>;
};

// A job as bytes: what a codec made, or a program that has none.
struct EncodedJob {
  std::string kind;  // 1 to 128 printable characters without spaces
  std::string payload;
  Headers headers{};  // the user's own; names that begin with `Leat-` and `Nats-` belong to leat and the broker
};

// What `job` is as bytes; the codec's error, if it has one.
template <Job T>
Result<EncodedJob> encode_job(const T& job) {
  Result<std::string> payload = Codec<T>::encode(job);
  if (!payload) return payload.error().with_context(T::kind);
  return EncodedJob{std::string(T::kind), std::move(*payload), {}};
}

}  // namespace leat
