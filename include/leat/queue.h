// Enqueues jobs.
//
//   leat::Queue queue{*broker};
//   leat::JobId id = queue.push(SendEmail{"ada@example.com", "hello"}).value();
#pragma once

#include <concepts>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/log.h"
#include "leat/metrics.h"
#include "leat/namespace_options.h"
#include "leat/result.h"
#include "leat/retry_policy.h"

namespace leat {

// How a job is stored (docs/guide/jobs.md tells the difference in speed).
enum class Lane {
  kAddressable,  // under a subject of its own: status, cancel, uniqueness; a repeated append is not stored twice
  kBulk,         // under one subject per queue: faster; none of these
};

enum class KeepResult { kNo, kYes };

// What becomes of a job when one of those that it waits for (PushOptions::after) is dead or cancelled.
enum class IfDead { kCancel, kRun };

// At most one job of a key waits in a queue and priority, runs or waits for a retry; the broker sees to it. The key is
// free again when the job is done, dead or cancelled. Needs Lane::kAddressable.
//
// Jobs that wait for their time or for others (PushOptions::at, delay, after) are not in their queue yet: of them, too,
// at most one of a key waits, and it does not keep another one from being pushed to run at once. The id is made of the
// key, so the next job of the key has it too: what an earlier one left under it, its result and its record, is gone
// then.
struct Unique {
  std::string key;  // 1 to 200 bytes
  // What a push says when the key is taken: the error kConflict, or the id of the job that has it.
  enum class IfTaken { kRefuse, kReturnExisting } if_taken = IfTaken::kRefuse;
  // What becomes of a job that comes due (PushOptions::at, delay, after) while another has the key: it is dropped, and
  // leaves no result and no record under the id that both have; or it goes to its queue when the key is free, within a
  // second or two.
  enum class WhenDue { kDrop, kWait } when_due = WhenDue::kDrop;
};

struct PushOptions {
  Priority priority = Priority::kMedium;
  Lane lane = Lane::kAddressable;
  KeepResult result = KeepResult::kNo;
  // These go before what the worker and the handler say.
  std::optional<unsigned> max_attempts{};  // 1 or more
  std::optional<RetryPolicy> retry{};
  std::optional<Duration> timeout{};     // of one attempt, as HandlerOptions::timeout; 1 ms or more
  std::optional<SystemTime> deadline{};  // after it the job is dead, whether it has begun or not; whole milliseconds
  std::optional<Unique> unique{};
  // Leaves a record for 7 days of how it ended: for Inspector::job(), and for jobs that wait for it. Needs
  // Lane::kAddressable.
  bool track = false;
  // Waits for these, and goes to its queue when all are done. They are tracked, and are waiting, running or recorded:
  // else kNotFound. A worker (WorkerOptions::scheduler) moves it. Needs Lane::kAddressable.
  std::vector<JobId> after{};
  std::optional<IfDead> if_dead{};  // unless said: kCancel; for the callback of a group kRun
  // Goes to its queue at this time, or after this delay; never before it. A worker (WorkerOptions::scheduler) moves it.
  // One of the two, and not together with `after`. Whole milliseconds. Needs Lane::kAddressable.
  std::optional<SystemTime> at{};
  std::optional<Duration> delay{};
  Headers headers{};  // more of the user's own; a name that the job has too takes this value
};

// One job on its way to the broker.
struct PushOrder {
  EncodedJob job;
  PushOptions options{};
  // Set: it is not stored, and this is the answer.
  std::optional<Error> refused{};
};

namespace detail {

// The options of a job's type: `static PushOptions T::push_options()`, if it has one.
template <Job T>
PushOptions default_options() {
  if constexpr (requires {
                  { T::push_options() } -> std::convertible_to<PushOptions>;
                }) {
    return T::push_options();
  } else {
    return {};
  }
}

}  // namespace detail

// `job` to be pushed with `options`; a job that cannot be encoded is one that is refused.
template <Job T>
PushOrder push_order(const T& job, PushOptions options = detail::default_options<T>()) {
  Result<EncodedJob> encoded = encode_job(job);
  if (!encoded) return {.job = {}, .options = std::move(options), .refused = encoded.error()};
  return {.job = std::move(*encoded), .options = std::move(options)};
}

// Runs around every push, on the thread that stores: the caller's, for push_async() the queue's own. May change the
// orders and refuse some; what it returns, if anything, is called with one answer per order. An exception refuses what
// is pushed with it; what it returns must not throw. Called by many threads at once. leat/middleware.h has ready ones.
//
//   [](std::span<leat::PushOrder> orders) -> leat::AfterPush {
//     for (leat::PushOrder& order : orders) order.job.headers.set("tenant", current_tenant());
//     return {};
//   }
using AfterPush = std::function<void(std::span<const Result<JobId>>)>;
using PushMiddleware = std::function<AfterPush(std::span<PushOrder>)>;

struct QueueOptions {
  std::string name = "default";  // the queue; 1 to 64 letters, digits, `_`, `-`
  NamespaceOptions name_space{};
  std::vector<PushMiddleware> middleware{};  // around every push; the first is the outermost
  Log* log = nullptr;                        // borrowed; told of what exists with other settings
  Metrics* metrics = nullptr;                // borrowed; counts what is stored
};

// Thread-safe. Borrows the broker, which must outlive it. The constructor does no I/O: the first push creates what is
// missing.
class Queue {
 public:
  explicit Queue(Broker& broker, QueueOptions options = {});
  ~Queue();
  Queue(Queue&&) noexcept;
  Queue& operator=(Queue&&) noexcept;

  // Returns when the job is stored as durably as the broker says. Thread-safe calls from many threads share round
  // trips. Without options, those of the job's type count: `static PushOptions T::push_options()`, if it has one.
  // Errors: kInvalidArgument (queue name, an option, a header, payload over max_payload(); the message says which),
  // kConflict (its unique key is taken), kUnavailable (not stored), kUnknown (the answer was lost), kFull, kDenied.
  template <Job T>
  Result<JobId> push(const T& job) {
    return push(job, detail::default_options<T>());
  }
  template <Job T>
  Result<JobId> push(const T& job, const PushOptions& options) {
    Result<EncodedJob> encoded = encode_job(job);
    if (!encoded) return encoded.error();
    return push(std::move(*encoded), options);
  }
  Result<JobId> push(EncodedJob job, const PushOptions& options = {});

  // Many in one pipelined call: one result per job, in order; each stands for itself.
  template <std::ranges::input_range R>
  requires Job<std::ranges::range_value_t<R>> std::vector<Result<JobId>> push_many(const R& jobs) {
    return push_many(jobs, detail::default_options<std::ranges::range_value_t<R>>());
  }
  template <std::ranges::input_range R>
  requires Job<std::ranges::range_value_t<R>> std::vector<Result<JobId>> push_many(const R& jobs,
                                                                                   const PushOptions& options) {
    using T = std::ranges::range_value_t<R>;
    std::vector<Result<EncodedJob>> encoded;
    for (const T& job : jobs) encoded.push_back(encode_job(job));
    return push_many(std::move(encoded), options);
  }
  // A job that is an error already keeps it as its result.
  std::vector<Result<JobId>> push_many(std::vector<Result<EncodedJob>> jobs, const PushOptions& options = {});
  // Each with options of its own, for example a unique key: push_order() makes one.
  std::vector<Result<JobId>> push_many(std::vector<PushOrder> orders);

  // Returns at once: the queue's own thread stores what many threads push, in batches. The answer is that of push().
  // The destructor waits until every job has its answer. Blocks while 100,000 jobs wait to be stored.
  std::future<Result<JobId>> push_async(EncodedJob job, PushOptions options = {});
  // `done` is called once, on that thread: it must be quick, must not throw and must not push.
  void push_async(EncodedJob job, PushOptions options, std::function<void(Result<JobId>)> done);
  template <Job T>
  std::future<Result<JobId>> push_async(const T& job) {
    return push_async(job, detail::default_options<T>());
  }
  template <Job T>
  std::future<Result<JobId>> push_async(const T& job, PushOptions options) {
    Result<EncodedJob> encoded = encode_job(job);
    if (encoded) return push_async(std::move(*encoded), std::move(options));
    std::promise<Result<JobId>> refused;
    refused.set_value(encoded.error());
    return refused.get_future();
  }
  template <Job T>
  void push_async(const T& job, PushOptions options, std::function<void(Result<JobId>)> done) {
    Result<EncodedJob> encoded = encode_job(job);
    if (!encoded) return done(encoded.error());
    push_async(std::move(*encoded), std::move(options), std::move(done));
  }

  // The largest payload with its headers, in bytes: the broker's limit less 8 KiB, so that a dead letter always fits.
  // A long unique key or retry table leaves less: push() says how much.
  std::size_t max_payload() const;
  const std::string& name() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace leat
