// Runs jobs.
//
//   leat::Worker worker{*broker};
//   worker.handle<SendEmail>([](const SendEmail& mail) { ... });
//   return leat::run(worker);
//
// A handler runs on one of `concurrency` threads. It gets the job, and a JobContext if it asks for one; it returns
// nothing (done), an Outcome, or a value that the job's codec or nlohmann::json makes into its result. What it throws
// is a retry. Delivery is at least once: a handler whose worker dies is run again (docs/guide/delivery.md).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/log.h"
#include "leat/outcome.h"
#include "leat/retry_policy.h"

namespace leat {

struct WorkerOptions {
  std::vector<std::string> queues{"default"};  // one or more
  unsigned concurrency = 0;                    // handler threads; 0: as many as the machine runs at once
  unsigned max_attempts = 5;                   // 1 or more; PushOptions::max_attempts goes before it
  RetryPolicy retry{};
  Duration ack_wait =
      std::chrono::seconds(30);  // a dead worker's jobs run elsewhere after it; renewed while it lives; 100 ms or more
  Duration grace = std::chrono::seconds(30);  // what running handlers get on stop() before their stop tokens fire
  Duration unknown_kind_grace =
      std::chrono::minutes(15);  // how long a job of a kind without handler waits for another worker
  // kWeighted: of 17 jobs taken while all three wait, 12 are high, 4 medium, 1 low. kStrict: a lower one only when no
  // higher waits.
  enum class Order { kWeighted, kStrict } order = Order::kWeighted;
  std::string name_space = "leat";
  std::string name{};     // for logs and attempts; host and process id unless given
  unsigned replicas = 1;  // of streams that this program creates; 1 to 5
  Log* log = nullptr;     // borrowed; nothing is logged unless given
};

enum class StopReason { kNone, kShutdown, kLeaseLost };

// What a handler may ask about its job. Belongs to the handler's thread; dies when the handler returns.
class JobContext {
 public:
  virtual ~JobContext() = default;

  virtual const JobId& id() const = 0;
  virtual std::string_view kind() const = 0;
  virtual std::string_view payload() const = 0;
  virtual unsigned attempt() const = 0;  // 1 for the first; interruptions are not counted
  virtual unsigned max_attempts() const = 0;
  virtual const Headers& headers() const = 0;
  virtual SystemTime enqueued_at() const = 0;
  // Fires when the work should end early: shutdown after the grace, or the lease could not be renewed. A handler that
  // then returns a retry, or throws, has been interrupted, which costs no attempt.
  virtual std::stop_token stop_token() const = 0;
  virtual StopReason stop_reason() const = 0;
};

using Handler = std::function<Outcome(JobContext&)>;

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

}  // namespace detail

struct WorkerCounts {
  std::uint64_t started = 0;  // handler calls
  std::uint64_t done = 0;
  std::uint64_t retried = 0;  // failed attempts that will be tried again
  std::uint64_t dead = 0;
  std::uint64_t interrupted = 0;  // given back on stop, or lost with their lease
  std::uint64_t unstarted = 0;    // held now and not started
  std::uint64_t running = 0;      // held now by a handler
};

// Thread-safe but for handle(), which comes before start(). Borrows the broker, which must outlive it.
class Worker {
 public:
  explicit Worker(Broker& broker, WorkerOptions options = {});
  ~Worker();  // stops
  Worker(Worker&&) noexcept;
  Worker& operator=(Worker&&) noexcept;

  // One handler per kind; the last one given counts. An undecodable payload becomes a dead letter with its bytes.
  template <Job T, class F>
  Worker& handle(F handler) {
    return handle(T::kind, [handler = std::move(handler)](JobContext& context) mutable -> Outcome {
      Result<T> job = Codec<T>::decode(context.payload());
      if (!job) return Outcome::undecodable(job.error().message());
      return detail::call(handler, *job, context);
    });
  }
  // For jobs as bytes.
  Worker& handle(std::string_view kind, Handler handler);

  // Creates what is missing in the broker and begins to fetch. Errors: kInvalidArgument (options), as open_consumer().
  Result<void> start();

  // Stops fetching, gives back unstarted jobs at once, waits `grace` for running ones, then fires their stop tokens and
  // waits for them to return; settles and ends. Returns when all is done. Any number of times, from any thread but a
  // handler's.
  void stop();

  // The same without the grace: what is running is given back at once, as interrupted; its handlers get their stop
  // token, and what they say counts no more. Returns without waiting for them; after it, the destructor or stop()
  // waits.
  void stop_now();

  WorkerCounts counts() const;
  const std::string& name() const;

 private:
  class Crew;
  std::unique_ptr<Crew> crew_;
};

// Starts the worker and runs it until SIGINT or SIGTERM; then stop(). A second signal ends the process at once, with
// the jobs given back. Returns 0, or 1 when the worker could not start (the reason goes to the worker's log and to
// standard error).
int run(Worker& worker);

}  // namespace leat
