// One call of a handler without a broker: for unit tests. leat/testing.h brings it.
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "leat/handler.h"
#include "leat/job.h"
#include "leat/outcome.h"

namespace leat {

// What the handler sees of its job, and how it is called.
struct RunJobOptions {
  JobId id{Priority::kMedium, "default", "test"};
  unsigned attempt = 1;
  unsigned max_attempts = 5;
  Headers headers{};                        // the user's own
  std::optional<SystemTime> enqueued_at{};  // now, by the machine's clock, unless given
  std::optional<SystemTime> deadline{};     // only shown: no clock runs here
  // The handler's stop token fires with this one. Without one it has fired when the handler begins, if there is a
  // stop_reason.
  std::stop_token stop_token{};
  StopReason stop_reason = StopReason::kNone;                    // why it fires; kNone counts as kShutdown then
  std::function<Outcome(const std::exception&)> on_exception{};  // as HandlerOptions::on_exception
  // An asynchronous handler is waited for so long, by the machine's clock; after it, the outcome is a retry that says
  // so. More than 0.
  Duration patience = std::chrono::seconds(10);
  // Called again and again while an asynchronous handler is under way, for example to poll an event loop.
  std::function<void()> while_waiting{};
};

namespace detail {
Outcome run_blocking(const Handler& handler, EncodedJob job, const RunJobOptions& options);
Outcome run_asynchronous(const AsyncHandler& handler, EncodedJob job, const RunJobOptions& options);
}  // namespace detail

// Calls a handler of Worker::handle or Worker::handle_async on the calling thread, as a worker does: the job goes
// through its codec, and what the handler throws becomes an outcome. Returns what the handler says; what a worker makes
// of it (retries, dead letters) is for TestKit. An asynchronous handler is waited for.
template <Job T, class F>
Outcome run_job(const T& job, F&& handler, const RunJobOptions& options = {}) {
  Result<EncodedJob> encoded = encode_job(job);
  if (!encoded) return Outcome::undecodable(encoded.error().message());
  if constexpr (std::is_invocable_v<F&, T, Completion>) {
    return detail::run_asynchronous(detail::decoding_async<T>(std::ref(handler)), std::move(*encoded), options);
  } else {
    return detail::run_blocking(detail::decoding<T>(std::ref(handler)), std::move(*encoded), options);
  }
}

// For jobs as bytes.
template <class F>
Outcome run_job(EncodedJob job, F&& handler, const RunJobOptions& options = {}) {
  if constexpr (std::is_invocable_v<F&, Completion>) {
    return detail::run_asynchronous(std::ref(handler), std::move(job), options);
  } else {
    return detail::run_blocking(std::ref(handler), std::move(job), options);
  }
}

}  // namespace leat
