// A worker that runs jobs on the calling thread, one by one, and the test kit that has a broker and a clock for it.
// leat/testing.h brings both.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/broker.h"
#include "leat/handler.h"
#include "leat/inspector.h"
#include "leat/job.h"
#include "leat/manual_clock.h"
#include "leat/queue.h"
#include "leat/worker.h"

namespace leat {

struct TestOptions {
  // As the program's own workers have them: attempts, retries, namespace, log, ... What is about threads, fetching and
  // shutdown plays no part here, nor do their `queues`.
  WorkerOptions worker{};
  std::vector<std::string> queues{};  // in this order; every queue that was pushed to, by name, unless given
  // An asynchronous handler is waited for so long, by the machine's clock. More than 0.
  Duration patience = std::chrono::seconds(10);
  // Called again and again on the calling thread while an asynchronous handler is under way, for example to poll an
  // event loop.
  std::function<void()> while_waiting{};
};

// What became of one job that was run.
struct JobRun {
  enum class Then {
    kDone,
    kRetry,        // its attempt failed, and it comes again
    kSnoozed,      // it comes again, and no attempt was counted
    kDead,         // it is a dead letter (leat/dead_letters.h)
    kCancelled,    // gone without one
    kNoHandler,    // there is no handler for its kind: it comes again, and is dead after unknown_kind_grace
    kInterrupted,  // what its handler said does not count: the job was removed, or taken away, meanwhile
  };

  JobId id{};
  std::string kind{};
  unsigned attempt = 0;              // which one this was, or would have been; 1 is the first
  std::optional<Outcome> outcome{};  // what counts of what its handler said; empty when it was not called
  Then then = Then::kDone;
  Duration again_in{0};       // kRetry, kSnoozed, kNoHandler. Exact: a retry policy's jitter is left out
  std::string dead_reason{};  // kDead: as DeadLetter::reason
  std::string error{};        // why it is not done
};

// "send_email medium.default.01J9... attempt 2: retry in 1s: no post today"
std::string to_string(const JobRun& run);

// What drain() did.
struct Drained {
  std::vector<JobRun> runs{};  // in order
  // How many of them ended so.
  std::size_t done = 0;
  std::size_t retried = 0;
  std::size_t snoozed = 0;
  std::size_t dead = 0;
  std::size_t cancelled = 0;
  std::size_t no_handler = 0;
  std::size_t interrupted = 0;
};

// A line for each run.
std::string to_string(const Drained& drained);

struct DrainOptions {
  std::string queue{};            // this one alone; all unless given
  std::size_t max_runs = 10'000;  // more are an error: a job that pushes itself would never end. 1 or more
};

// A job that waits: what enqueued() finds.
struct EnqueuedJob {
  JobId id{};
  std::string kind{};
  std::string payload{};
  Headers headers{};      // the user's own
  PushOptions options{};  // that it was pushed with, but for `headers` and Unique::if_taken
  SystemTime enqueued_at{};
  JobStatus::State state = JobStatus::State::kPending;  // or kRetrying, kWaiting, kScheduled
  unsigned attempts = 0;                                // that have failed
  std::optional<SystemTime> due{};                      // kRetrying
};

// The same with the job decoded.
template <Job T>
struct Enqueued : EnqueuedJob {
  T job;
};

// What is left empty selects everything.
struct EnqueuedFilter {
  std::string queue{};
  std::string kind{};
};

// Runs jobs of any broker on the calling thread, when it is told to, with all that a Worker does: retries, attempts,
// dead letters, results, jobs that wait for others, pauses. High priority goes first, then medium, then low; within
// one, the queues in their order. Nobody else may work on the same queues meanwhile.
//
// The broker's own clock counts. Time limits fire from a thread of this object. Not thread-safe. Borrows the broker,
// which must outlive it. Errors are those of the broker unless said otherwise.
class TestWorker {
 public:
  explicit TestWorker(Broker& broker, TestOptions options = {});
  // Waits for asynchronous handlers.
  ~TestWorker();
  TestWorker(const TestWorker&) = delete;
  TestWorker& operator=(const TestWorker&) = delete;

  // As the functions of Worker, but they may come at any time outside of a handler: the last one given counts.
  template <Job T, class F>
  TestWorker& handle(F handler, HandlerOptions options = {}) {
    return handle(T::kind, detail::decoding<T>(std::move(handler)), std::move(options));
  }
  TestWorker& handle(std::string_view kind, Handler handler, HandlerOptions options = {});
  template <Job T, class F>
  TestWorker& handle_async(F handler, HandlerOptions options = {}) {
    return handle_async(T::kind, detail::decoding_async<T>(std::move(handler)), std::move(options));
  }
  TestWorker& handle_async(std::string_view kind, AsyncHandler handler, HandlerOptions options = {});

  // Runs the next job that is due (of this queue, if one is named) and says what became of it; an asynchronous handler
  // is waited for. Errors: kNotFound (none is due), kInvalidArgument (an option; or called by a handler), kUnavailable
  // (the broker fails; or an asynchronous handler is still at it, and a later call will tell of its job).
  Result<JobRun> run_one(std::string_view queue = {});

  // Runs jobs until none is due, also those that handlers push and those that waited for others. A retry is not due
  // before its time. Errors: kFull (DrainOptions::max_runs), and those of run_one().
  Result<Drained> drain(const DrainOptions& options = {});

  // The jobs that wait: for a worker, for a retry, or for other jobs. Those of high priority first, then medium, then
  // low, then those that wait for others; each in the order in which they were pushed. A job that a handler works on is
  // not among them.
  Result<std::vector<EnqueuedJob>> enqueued(const EnqueuedFilter& filter = {});
  // Of one type, decoded. Errors: kInvalidArgument (a payload cannot be decoded).
  template <Job T>
  Result<std::vector<Enqueued<T>>> enqueued(EnqueuedFilter filter = {}) {
    filter.kind = T::kind;
    auto found = enqueued(filter);
    if (!found) return found.error();
    std::vector<Enqueued<T>> jobs;
    for (EnqueuedJob& one : *found) {
      Result<T> job = Codec<T>::decode(one.payload);
      if (!job) return job.error().with_context(one.kind + " " + one.id.str());
      jobs.push_back({std::move(one), std::move(*job)});
    }
    return jobs;
  }
  // The one job of this type that waits. Errors: kNotFound and kConflict (none does, or several; the message says what
  // waits), kInvalidArgument as above.
  template <Job T>
  Result<Enqueued<T>> require_enqueued(EnqueuedFilter filter = {}) {
    auto jobs = enqueued<T>(filter);
    if (!jobs) return jobs.error();
    if (jobs->size() != 1) return not_one(T::kind, filter, jobs->size());
    return std::move(jobs->front());
  }

  Broker& broker();

 protected:
  struct OwnBroker {};
  TestWorker(OwnBroker, TestOptions options);
  ManualClock& own_clock();

 private:
  Error not_one(std::string_view kind, const EnqueuedFilter& filter, std::size_t count);

  class Crew;
  std::unique_ptr<Crew> crew_;
};

// The test kit: a TestWorker with a memory broker and a manual clock of its own. It has no threads: time passes when it
// is moved, and what time does has happened when advance() returns, so also a handler may move it and find its stop
// token fired. What the thread that made the kit waits for comes at once or never, so where it waits with a time-out
// (Results::wait, JobControl::cancel, ...), the clock moves to the end of the wait instead.
class TestKit : public TestWorker {
 public:
  explicit TestKit(TestOptions options = {}) : TestWorker(OwnBroker{}, std::move(options)) {}

  ManualClock& clock() { return own_clock(); }
};

}  // namespace leat
