// Every change of a job's state as a message that others can follow. Off unless a namespace is told to keep them.
//
//   leat::Events events{*broker};
//   events.enable();
//   auto reader = events.read({.follow = true}).value();
//   for (const leat::JobEvent& event : reader.next(5s, stop).value()) ...
//
// Several programs tell of one job, so `at` orders its events better than their sequence does.
//
// Events tell, they do not decide: a program that is killed may not have told its last ones, and one that makes more
// than it can store drops some and says so in its log. What counts is the jobs' own state.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/log.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat {

struct JobEvent {
  enum class What {
    kEnqueued,     // stored in its queue
    kScheduled,    // stored to wait for its time or for other jobs
    kDue,          // moved to its queue: its time has come, or the jobs that it waited for are done
    kStarted,      // its handler is called
    kDone,         //
    kFailed,       // an attempt failed, and there will be another one
    kSnoozed,      // comes again later at no cost of an attempt
    kInterrupted,  // given back, or lost with its lease; costs no attempt
    kDead,         // to the dead letters
    kCancelled,    //
    kRevived,      // a dead letter that waits in its queue again
    kDiscarded,    // a dead letter that is removed
    kPaused,       // a queue, not a job; `job` is empty
    kResumed,      // the same
    kPurged,       // the same; `error` says how many
  } what = What::kEnqueued;
  SystemTime at{};
  JobId job{};
  std::string queue{};
  std::string kind{};
  unsigned attempt = 0;        // from kStarted on
  std::string worker{};        // the same
  std::string error{};         // of kFailed, kDead, kCancelled; up to 1000 bytes
  std::uint64_t sequence = 0;  // of the event in its stream
};
// "enqueued", "scheduled", "due", "started", "done", "failed", "snoozed", "interrupted", "dead", "cancelled",
// "revived", "discarded", "paused", "resumed", "purged"
std::string_view to_string(JobEvent::What what);

struct EventLimits {
  Duration max_age = std::chrono::hours(24 * 7);
  std::uint64_t max_bytes = 1'000'000'000;
  Log* log = nullptr;  // borrowed; told of limits that are others already, else standard error is
};

struct EventFilter {
  std::optional<std::string> queue{};
  std::optional<JobId> job{};
  std::optional<SystemTime> since{};  // else from the oldest kept; when following, from now
  bool follow = false;                // waits for new ones at the end
};

// Not thread-safe. Must end before the broker.
class EventReader {
 public:
  explicit EventReader(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
  // The next ones, up to 1000. Empty: the end, or none came in `max_wait` or before `stop`. Errors: kUnavailable (safe
  // to call again), kNotFound (events have been disabled).
  Result<std::vector<JobEvent>> next(std::chrono::milliseconds max_wait, std::stop_token stop);

 private:
  std::unique_ptr<Reader> reader_;
};

// Thread-safe. Borrows the broker, which must outlive it.
class Events {
 public:
  explicit Events(Broker& broker, NamespaceOptions name_space = {});
  ~Events();

  // From now on every program of the namespace tells; those that run begin within ten seconds. The limits of whoever
  // enabled them first count.
  Result<void> enable(const EventLimits& limits = {});
  // No program tells any more, and what was kept is gone.
  Result<void> disable();
  Result<bool> enabled();

  // Errors: kNotFound when events are not enabled, kInvalidArgument (queue name).
  Result<EventReader> read(const EventFilter& filter = {});

 private:
  class Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace leat
