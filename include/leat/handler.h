// Handlers: what a worker calls, what they see of their job, and how they end it.
//
// A blocking handler runs on one of the worker's threads and returns: nothing (done), an Outcome, or a value that the
// job's codec or nlohmann::json makes into its result. An asynchronous handler gets a Completion, starts what it has to
// do, and returns at once; the job ends when the Completion is finished, on any thread; leat/asio.h makes coroutines
// into such handlers. What a handler throws is a retry.
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "leat/job.h"
#include "leat/outcome.h"
#include "leat/result.h"
#include "leat/retry_policy.h"

namespace leat {

enum class StopReason {
  kNone,
  kShutdown,   // the worker stops, and its grace is over
  kLeaseLost,  // the lease could not be renewed: another worker may run the job
  kTimeout,    // the attempt takes longer than HandlerOptions::timeout or PushOptions::timeout
  kDeadline,   // the job's deadline has passed
  kCancelled,  // somebody cancelled the job (leat/job_control.h)
};

// What a handler may ask about its job. A blocking handler's dies when the handler returns, an asynchronous one's with
// its Completion. Thread-safe for reading.
class JobContext {
 public:
  virtual ~JobContext() = default;

  virtual const JobId& id() const = 0;
  virtual std::string_view kind() const = 0;
  virtual std::string_view payload() const = 0;
  virtual unsigned attempt() const = 0;  // 1 for the first; interruptions and snoozes are not counted
  virtual unsigned max_attempts() const = 0;
  virtual const Headers& headers() const = 0;
  virtual SystemTime enqueued_at() const = 0;
  // The time that it waited for (PushOptions::at, delay, a schedule's tick). How late it is: now less that.
  std::optional<SystemTime> scheduled_at() const;
  // The recurring schedule (leat/schedules.h) whose tick it is; empty for others.
  std::string_view schedule() const;
  // Its tick was missed, and is made up for.
  bool is_catch_up() const;
  virtual std::optional<SystemTime> deadline() const = 0;  // of the job (PushOptions::deadline)
  // Fires when the work should end early; stop_reason() tells why. What a handler that then returns a retry, or throws,
  // has cost: shutdown and a lost lease cost no attempt, a time-out is a failed attempt, a passed deadline ends the
  // job as dead, a cancel without a dead letter. A std::stop_callback on it runs on the thread that asks for the stop,
  // one that renews leases, for example: it must be quick, must not wait and must not throw.
  virtual std::stop_token stop_token() const = 0;
  virtual StopReason stop_reason() const = 0;

  // Says how far the work is: a fraction from 0 to 1, and a note of up to 200 bytes (longer ones are cut). Others see
  // it with the worker's next heartbeat, within a second or two (Inspector::workers(), Inspector::job()). Costs no I/O.
  virtual void progress(double, std::string_view = {}) {}

  // Renews the lease now, and waits for the broker's answer. Seldom needed, for the worker renews it every third of
  // ack_wait, however long the handler takes: call it before a step that must not be done by two, or before something
  // that keeps the whole program from running. Ok: no other worker gets the job until one ack_wait (WorkerOptions)
  // after this call began, whatever becomes of this program; nor has one had it since it was delivered, unless, on
  // JetStream, that was while this program stood still (the server takes a late renewal, and does not say when it
  // delivered). Any thread may call it, as long as the context lives. It may wait as long as one request to the broker
  // does: not for the thread of an event loop. Errors: kLeaseLost (another worker may run the job; the stop token has
  // fired, and what the handler says counts no more), any other (the broker did not answer: the lease goes on as it
  // was, and the worker goes on renewing it).
  virtual Result<void> extend_lease() = 0;
};

// A job in the hands of an asynchronous handler. Implemented by the worker and by the test kit.
class PendingJob : public JobContext {
 public:
  // Ends the job. Once.
  virtual void finish(Outcome outcome) = 0;
};

namespace detail {
// Ends a job whose Completion was dropped.
void drop(std::unique_ptr<PendingJob> job);
}  // namespace detail

// The duty to end a job. Move-only; dropped unfinished, the attempt has failed. May be finished on any thread, by one
// thread at a time. The worker's stop() waits for it.
class Completion {
 public:
  explicit Completion(std::unique_ptr<PendingJob> job) : job_(std::move(job)) {}
  Completion(Completion&&) noexcept = default;
  Completion& operator=(Completion&& other) noexcept {
    if (this != &other) {
      if (job_) detail::drop(std::move(job_));
      job_ = std::move(other.job_);
    }
    return *this;
  }
  ~Completion() {
    if (job_) detail::drop(std::move(job_));
  }

  // Until it is finished.
  JobContext& job() const { return *job_; }
  // Ends the job; a second call does nothing.
  void finish(Outcome outcome) {
    if (const std::unique_ptr<PendingJob> job = std::move(job_)) job->finish(std::move(outcome));
  }

 private:
  std::unique_ptr<PendingJob> job_;
};

using Handler = std::function<Outcome(JobContext&)>;
using AsyncHandler = std::function<void(Completion)>;

// What a middleware wants of one handler call.
class Around {
 public:
  // May change what the handler said. Called once, however the handler ended; JobContext::stop_reason() tells whether
  // what it said will count.
  using After = std::function<void(Outcome&)>;

  // Nothing.
  Around() = default;
  // The handler, and the middleware behind this one, are not called: this is what they would have said.
  Around(Outcome instead) : instead_(std::move(instead)) {}
  // To be called when the handler is through: on its thread, for an asynchronous one where its Completion is finished.
  template <std::invocable<Outcome&> F>
  Around(F after) : after_(std::move(after)) {}

  std::optional<Outcome>& instead() { return instead_; }
  After& after() { return after_; }

 private:
  std::optional<Outcome> instead_;
  After after_;
};

// Runs around every handler call of a worker, on the thread that calls the handler: begin with what comes before,
// return what comes after. The context lives until then. What it throws counts as thrown by the handler. Called by many
// threads at once. leat/middleware.h has ready ones.
//
//   [](leat::JobContext& job) -> leat::Around {
//     if (is_blocked(job.headers())) return leat::Outcome::dead("blocked");
//     return [&job, timer = Timer{}](leat::Outcome& outcome) { report(job.id(), timer, outcome.kind()); };
//   }
using Middleware = std::function<Around(JobContext&)>;

// What holds for all jobs of a kind; a job's own PushOptions go before it, the worker's options stand behind it.
struct HandlerOptions {
  std::optional<RetryPolicy> retry{};
  std::optional<unsigned> max_attempts{};  // 1 or more
  // For one attempt: after it the stop token fires, and the attempt has failed unless it comes out done. 1 ms or more.
  std::optional<Duration> timeout{};
  // What an exception says of the attempt; else it is a retry. Called on the handler's thread, must not throw.
  std::function<Outcome(const std::exception&)> on_exception{};
};

namespace detail {

template <class R>
Outcome to_outcome(R&& result) {
  if constexpr (std::is_same_v<std::remove_cvref_t<R>, Outcome>) {
    return std::forward<R>(result);
  } else if constexpr (std::is_convertible_v<R, std::string>) {
    return Outcome::done(std::forward<R>(result));
  } else {
    Result<std::string> value = Codec<std::remove_cvref_t<R>>::encode(result);
    return value ? Outcome::done(std::move(*value)) : Outcome::dead("result: " + value.error().message());
  }
}

// What an exception that a handler let out says of the attempt.
Outcome what_was_thrown(const std::exception_ptr& exception, const HandlerOptions& options);
// The text of what a call of the user's code throws; empty when it returns.
std::optional<std::string> what_it_throws(const std::function<void()>& call);
// What the handler says, or what it throws.
Outcome run_handler(const Handler& handler, JobContext& context, const HandlerOptions& options);
// Begins an asynchronous handler. What it throws ends the job, as what a blocking one throws does; where its Completion
// was finished or is kept elsewhere, so that this cannot be, it is returned.
std::exception_ptr begin_handler(const AsyncHandler& handler, std::unique_ptr<PendingJob> job,
                                 const HandlerOptions& options);

// Calls `f` with as many of its two possible arguments as it takes.
template <class F, class T>
Outcome call(F& f, const T& job, JobContext& context) {
  if constexpr (std::is_invocable_v<F&, const T&, JobContext&>) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const T&, JobContext&>>) {
      f(job, context);
      return Outcome::done();
    } else {
      return to_outcome(f(job, context));
    }
  } else {
    static_assert(std::is_invocable_v<F&, const T&>, "a handler takes (const T&) or (const T&, leat::JobContext&)");
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const T&>>) {
      f(job);
      return Outcome::done();
    } else {
      return to_outcome(f(job));
    }
  }
}

// Handlers of a job type as handlers of bytes.
template <Job T, class F>
Handler decoding(F handler) {
  return [handler = std::move(handler)](JobContext& context) mutable -> Outcome {
    Result<T> job = Codec<T>::decode(context.payload());
    if (!job) return Outcome::undecodable(job.error().message());
    return call(handler, *job, context);
  };
}
template <Job T, class F>
AsyncHandler decoding_async(F handler) {
  return [handler = std::move(handler)](Completion completion) mutable {
    Result<T> job = Codec<T>::decode(completion.job().payload());
    if (!job) return completion.finish(Outcome::undecodable(job.error().message()));
    handler(std::move(*job), std::move(completion));
  };
}

}  // namespace detail

}  // namespace leat
