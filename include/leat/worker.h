// Runs jobs.
//
//   leat::Worker worker{*broker};
//   worker.handle<SendEmail>([](const SendEmail& mail) { ... });
//   return leat::run(worker);
//
// A handler runs on one of `concurrency` threads; leat/handler.h tells what it gets and returns. Delivery is at least
// once: a handler whose worker dies is run again (docs/guide/delivery.md).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/broker.h"
#include "leat/handler.h"
#include "leat/job.h"
#include "leat/log.h"
#include "leat/metrics.h"
#include "leat/namespace_options.h"
#include "leat/retry_policy.h"

namespace leat {

struct WorkerOptions {
  std::vector<std::string> queues{"default"};  // none: it only schedules
  unsigned concurrency = 0;                    // handler threads; 0: as many as the machine runs at once
  unsigned async_jobs = 1000;                  // of asynchronous handlers, under way at once; 1 or more
  unsigned max_attempts = 5;                   // 1 or more; HandlerOptions and PushOptions go before it
  RetryPolicy retry{};
  Duration stuck_after =
      std::chrono::seconds(30);  // a handler that goes on so long after its stop token fired is reported
  Duration ack_wait =
      std::chrono::seconds(30);  // a dead worker's jobs run elsewhere after it; renewed while it lives; 100 ms or more
  Duration grace = std::chrono::seconds(30);  // what running handlers get on stop() before their stop tokens fire
  // How long a job of a kind without handler waits for another worker, from when one without met it first.
  Duration unknown_kind_grace = std::chrono::minutes(15);
  // kWeighted: of 17 jobs taken while all three wait, 12 are high, 4 medium, 1 low. kStrict: a lower one only when no
  // higher waits.
  enum class Order { kWeighted, kStrict } order = Order::kWeighted;
  // This worker may lead the namespace's scheduler, which moves jobs that waited for others to their queues. At least
  // one worker must be willing.
  bool scheduler = true;
  std::vector<Middleware> middleware{};  // around every handler call; the first is the outermost
  NamespaceOptions name_space{};
  std::string name{};          // for logs and attempts; host and process id unless given
  Log* log = nullptr;          // borrowed; nothing but drift is told unless given (leat/log.h)
  Metrics* metrics = nullptr;  // borrowed; nothing is counted unless given
};

struct WorkerCounts {
  std::uint64_t started = 0;  // handler calls
  std::uint64_t done = 0;
  std::uint64_t retried = 0;  // failed attempts that will be tried again
  std::uint64_t dead = 0;
  std::uint64_t interrupted = 0;  // given back on stop, or lost with their lease
  std::uint64_t unstarted = 0;    // held now and not started
  std::uint64_t running = 0;      // held now by a handler
  std::uint64_t stuck = 0;        // times that a handler was reported to go on after its stop token had fired
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
  Worker& handle(F handler, HandlerOptions options = {}) {
    return handle(T::kind, detail::decoding<T>(std::move(handler)), std::move(options));
  }
  // For jobs as bytes.
  Worker& handle(std::string_view kind, Handler handler, HandlerOptions options = {});

  // An asynchronous handler: `void(T, Completion)`.
  template <Job T, class F>
  Worker& handle_async(F handler, HandlerOptions options = {}) {
    return handle_async(T::kind, detail::decoding_async<T>(std::move(handler)), std::move(options));
  }
  Worker& handle_async(std::string_view kind, AsyncHandler handler, HandlerOptions options = {});

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
