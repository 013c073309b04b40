#include "leat/middleware.h"

#include <algorithm>
#include <stdexcept>

#include "core/mutex.h"
#include "core/text.h"

namespace leat {
namespace {

std::string_view name_of(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kDone: return "done";
    case Outcome::Kind::kRetry:
    case Outcome::Kind::kRetryAfter: return "retry";
    case Outcome::Kind::kSnooze: return "snooze";
    case Outcome::Kind::kDead: return "dead";
    case Outcome::Kind::kUndecodable: return "undecodable";
    case Outcome::Kind::kCancelled: return "cancelled";
  }
  return "";
}

bool is_failed(Outcome::Kind kind) {
  return kind == Outcome::Kind::kRetry || kind == Outcome::Kind::kRetryAfter || kind == Outcome::Kind::kDead ||
         kind == Outcome::Kind::kUndecodable;
}

// Tokens come at a steady rate, up to `burst`; who takes one that is not there yet has to wait for it. Thread-safe.
class TokenBucket {
 public:
  TokenBucket(RateLimit limit, Clock& clock)
      : clock_(clock),
        each_(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1.0 / limit.per_second))),
        limit_(std::move(limit)) {}

  const RateLimit& limit() const { return limit_; }

  // How long to wait for the token that was taken; above the patience none was.
  Duration take() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.steady();
    const SteadyTime full = now - each_ * (limit_.burst - 1);  // as if the last of the burst had just become free
    const SteadyTime free_at = std::max(next_, full);
    const Duration wait = std::max(free_at - now, Duration{0});
    if (wait <= limit_.patience) next_ = free_at + each_;
    return wait;
  }

  // False when the job is to stop before its turn.
  bool wait(Duration wait, const std::stop_token& stop) { return sleep_for(clock_, wait, stop); }

 private:
  Clock& clock_;
  const Duration each_;
  const RateLimit limit_;
  Mutex mutex_;
  SteadyTime next_ LEAT_GUARDED_BY(mutex_) = SteadyTime::min() + std::chrono::hours(1);
};

}  // namespace

Middleware log_jobs(Log& log, Clock& clock) {
  return [&log, &clock](JobContext& job) -> Around {
    return [&log, &clock, &job, began = clock.steady()](Outcome& outcome) {
      const auto took = std::chrono::round<std::chrono::microseconds>(clock.steady() - began);
      const std::string error = is_failed(outcome.kind()) ? outcome.text() : "";
      log.info("job ran", {{"job_id", job.id().str()},
                           {"kind", job.kind()},
                           {"attempt", job.attempt()},
                           {"outcome", name_of(outcome.kind())},
                           {"took", format_duration(took)},
                           {"error", error}});
    };
  };
}

PushMiddleware log_pushes(Log& log) {
  return [&log](std::span<PushOrder> orders) -> AfterPush {
    const std::string kind = orders.empty() ? "" : orders.front().job.kind;
    return [&log, kind](std::span<const Result<JobId>> answers) {
      const auto refused =
          std::find_if(answers.begin(), answers.end(), [](const Result<JobId>& answer) { return !answer; });
      if (refused != answers.end()) {
        const auto count = std::count_if(refused, answers.end(), [](const Result<JobId>& answer) { return !answer; });
        log.warn("jobs were not stored", {{"jobs", answers.size()},
                                          {"not_stored", count},
                                          {"kind", kind},
                                          {"first_error", refused->error().message()}});
      } else if (answers.size() == 1) {
        log.info("job pushed", {{"job_id", answers.front()->str()}, {"kind", kind}});
      } else if (!answers.empty()) {
        log.info("jobs pushed", {{"jobs", answers.size()}, {"kind", kind}, {"first_job_id", answers.front()->str()}});
      }
    };
  };
}

Middleware limit_rate(RateLimit limit, Clock& clock) {
  constexpr double kSlowest = 1.0 / (24 * 3600);
  constexpr double kFastest = 1e9;
  if (!(limit.per_second >= kSlowest && limit.per_second <= kFastest)) {
    throw std::invalid_argument("limit_rate: per_second is between one a day and 1e9");
  }
  if (limit.burst == 0 || limit.burst > 100'000) throw std::invalid_argument("limit_rate: burst is 1 to 100,000");
  if (limit.patience < Duration{0}) throw std::invalid_argument("limit_rate: patience is 0 or more");
  auto bucket = std::make_shared<TokenBucket>(std::move(limit), clock);
  return [bucket](JobContext& job) -> Around {
    if (!bucket->limit().kind.empty() && job.kind() != bucket->limit().kind) return {};
    const Duration wait = bucket->take();
    if (wait > bucket->limit().patience) return Outcome::snooze(wait);
    if (wait > Duration{0} && !bucket->wait(wait, job.stop_token())) return Outcome::snooze(Duration{0});
    return {};
  };
}

Middleware trace_jobs(std::function<void(const Span&)> report, Clock& clock) {
  auto shared = std::make_shared<std::function<void(const Span&)>>(std::move(report));
  return [shared, &clock](JobContext& job) -> Around {
    return [shared, &clock, &job, began = clock.now()](Outcome& outcome) {
      const auto parent = TraceContext::parse(job.headers().get(kTraceParent).value_or(""));
      const bool failed = is_failed(outcome.kind());
      (*shared)({.context = trace_of(job),
                 .parent_span_id = parent ? parent->span_id : "",
                 .job = job.id(),
                 .kind = std::string(job.kind()),
                 .attempt = job.attempt(),
                 .began = began,
                 .ended = clock.now(),
                 .failed = failed,
                 .error = failed ? outcome.text() : ""});
    };
  };
}

PushMiddleware trace_pushes(std::function<std::optional<TraceContext>()> current) {
  return [current = std::move(current)](std::span<PushOrder> orders) -> AfterPush {
    const auto context = current();
    if (!context) return {};
    const std::string value = context->traceparent();
    for (PushOrder& order : orders) {
      if (order.job.headers.get(kTraceParent) || order.options.headers.get(kTraceParent)) continue;
      order.job.headers.set(kTraceParent, value);
    }
    return {};
  };
}

PushMiddleware unique_by(std::function<std::string(const EncodedJob&)> key_of, Unique::IfTaken if_taken) {
  return [key_of = std::move(key_of), if_taken](std::span<PushOrder> orders) -> AfterPush {
    for (PushOrder& order : orders) {
      if (order.refused || order.options.unique) continue;
      if (std::string key = key_of(order.job); !key.empty()) {
        order.options.unique = Unique{.key = std::move(key), .if_taken = if_taken};
      }
    }
    return {};
  };
}

}  // namespace leat
