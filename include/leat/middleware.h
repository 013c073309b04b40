// Ready middleware for WorkerOptions::middleware and QueueOptions::middleware. Own ones are functions
// (leat/handler.h, leat/queue.h); the guide shows some (docs/guide/middleware.md).
//
//   leat::Worker worker{*broker, {.middleware = {leat::log_jobs(log), leat::limit_rate({.per_second = 50})}}};
//
// Metrics are no middleware, because they count what only the worker knows: WorkerOptions::metrics.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "leat/clock.h"
#include "leat/handler.h"
#include "leat/log.h"
#include "leat/queue.h"
#include "leat/trace_context.h"

namespace leat {

// One line for each handler call that ends: id, kind, attempt, outcome, how long it took. `log` is borrowed.
Middleware log_jobs(Log& log, Clock& clock = real_clock());
// One line for each push, of one job or of many; at level warn when some were not stored.
PushMiddleware log_pushes(Log& log);

struct RateLimit {
  double per_second = 0;  // handler calls; from one a day to 1e9
  unsigned burst = 1;     // calls that may begin at once after a rest; 1 to 100,000
  std::string kind{};     // of this kind alone; of all unless given
  // A job that would have to wait longer goes back to its queue until its turn; up to it, it waits with its handler
  // thread. 0 or more.
  Duration patience = std::chrono::seconds(1);
};
// So many handler calls a second in this worker, whatever the number of threads (a token bucket). Costs no attempts.
// A limit out of range throws std::invalid_argument at once.
Middleware limit_rate(RateLimit limit, Clock& clock = real_clock());

// One attempt as part of a trace.
struct Span {
  TraceContext context;
  std::string parent_span_id{};  // of who pushed the job; empty when it begins a trace
  JobId job{};
  std::string kind{};
  unsigned attempt = 0;
  SystemTime began{};
  SystemTime ended{};
  bool failed = false;
  std::string error{};
};
// Calls `report` after each attempt, on the thread that ended it. To send the spans to a collector, queue them there.
Middleware trace_jobs(std::function<void(const Span&)> report, Clock& clock = real_clock());
// Gives jobs that have no `traceparent` the caller's: `current` says it, on the thread that stores.
PushMiddleware trace_pushes(std::function<std::optional<TraceContext>()> current);

// Makes jobs unique (PushOptions::unique) by a key that `key_of` makes of them; those for which it is empty, and those
// that have one already, stay as they are.
PushMiddleware unique_by(std::function<std::string(const EncodedJob&)> key_of,
                         Unique::IfTaken if_taken = Unique::IfTaken::kReturnExisting);

}  // namespace leat
