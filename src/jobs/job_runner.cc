#include "jobs/job_runner.h"

#include <algorithm>

#include "core/text.h"

namespace leat {
namespace {

bool is_failure(const Outcome& outcome) {
  return outcome.kind() == Outcome::Kind::kRetry || outcome.kind() == Outcome::Kind::kRetryAfter;
}

// A handler that throws drops its Completion first: so how the job ends is said when the handler is through.
class BeginningHandler {
 public:
  explicit BeginningHandler(const PendingJob& job) : job_(&job) { innermost() = this; }
  ~BeginningHandler() { innermost() = outer_; }
  BeginningHandler(const BeginningHandler&) = delete;
  BeginningHandler& operator=(const BeginningHandler&) = delete;

  // Keeps a job whose handler is being begun on this thread; else returns it.
  static std::unique_ptr<PendingJob> keep(std::unique_ptr<PendingJob> job) {
    for (BeginningHandler* one = innermost(); one != nullptr; one = one->outer_) {
      if (one->job_ != job.get()) continue;
      one->dropped_ = std::move(job);
      break;
    }
    return job;
  }
  std::unique_ptr<PendingJob> take_dropped() {
    job_ = nullptr;
    return std::move(dropped_);
  }

 private:
  static BeginningHandler*& innermost() {
    thread_local BeginningHandler* one = nullptr;
    return one;
  }

  BeginningHandler* const outer_ = innermost();
  const PendingJob* job_;
  std::unique_ptr<PendingJob> dropped_;
};

}  // namespace

// The one place where the user's exceptions end, with begin_handler().
std::optional<std::string> detail::what_it_throws(const std::function<void()>& call) {
  try {
    call();
  } catch (...) {
    return what_was_thrown(std::current_exception(), {}).text();
  }
  return std::nullopt;
}

Outcome detail::run_handler(const Handler& handler, JobContext& context, const HandlerOptions& options) {
  try {
    return handler(context);
  } catch (...) {
    return what_was_thrown(std::current_exception(), options);
  }
}

void detail::drop(std::unique_ptr<PendingJob> job) {
  if (const auto left = BeginningHandler::keep(std::move(job)))
    left->finish(Outcome::retry("the handler dropped its Completion without finishing it"));
}

std::exception_ptr detail::begin_handler(const AsyncHandler& handler, std::unique_ptr<PendingJob> job,
                                         const HandlerOptions& options) {
  BeginningHandler beginning(*job);
  std::exception_ptr thrown;
  try {
    handler(Completion(std::move(job)));
  } catch (...) {
    thrown = std::current_exception();
  }
  auto dropped = beginning.take_dropped();
  if (dropped == nullptr) return thrown;
  if (thrown == nullptr) {
    drop(std::move(dropped));
  } else {
    dropped->finish(what_was_thrown(thrown, options));
  }
  return nullptr;
}

Outcome detail::what_was_thrown(const std::exception_ptr& exception, const HandlerOptions& options) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return options.on_exception ? options.on_exception(e) : Outcome::retry(e.what());
  } catch (...) {
    return Outcome::retry("the handler threw something that is no std::exception");
  }
}

// What a handler sees of the job that it runs.
class JobRunner::RunningJob : public PendingJob {
 public:
  RunningJob(JobRunner& runner, const HeldJob& job, const HandlerEntry& handler)
      : runner_(runner),
        job_(job),
        handler_(handler),
        limit_(runner.parts_.limits.watch(job, JobRules::timeout(job, handler), JobRules::deadline(job))) {
    if (runner.parts_.meter.counts()) note_start();
  }

  const JobId& id() const override {
    if (!id_) id_ = runner_.parts_.names.id_of(message()).value_or(JobId{});
    return *id_;
  }
  std::string_view kind() const override { return message().headers.get(wire::kKind).value_or(""); }
  std::string_view payload() const override { return message().payload; }
  unsigned attempt() const override { return job_.record.attempts() + 1; }
  unsigned max_attempts() const override { return runner_.parts_.rules.max_attempts(job_); }
  const Headers& headers() const override { return message().headers; }
  SystemTime enqueued_at() const override { return leat::enqueued_at(message()); }
  std::optional<SystemTime> deadline() const override { return JobRules::deadline(job_); }
  std::stop_token stop_token() const override { return job_.desk.load()->stop_token(job_); }
  StopReason stop_reason() const override { return job_.desk.load()->stop_reason(job_); }

  void progress(double fraction, std::string_view note) override {
    job_.desk.load()->set_progress(job_, fraction, note);
  }
  Result<void> extend_lease() override { return runner_.parts_.leases.renew_now(job_); }

  // Lets the middleware in, from the outermost. What it returns is said instead of calling the handler.
  std::optional<Outcome> enter() {
    try {
      for (const Middleware& middleware : runner_.parts_.options.middleware) {
        Around around = middleware(*this);
        if (around.after()) after_.push_back(std::move(around.after()));
        if (around.instead()) return std::move(around.instead());
      }
    } catch (...) {
      return detail::what_was_thrown(std::current_exception(), handler_.options);
    }
    return std::nullopt;
  }

  // The last that this object does: the job may be gone when it returns.
  void finish(Outcome outcome) override {
    while (!after_.empty()) {
      const Around::After after = std::move(after_.back());
      after_.pop_back();
      try {
        after(outcome);
      } catch (...) {
        outcome = detail::what_was_thrown(std::current_exception(), handler_.options);
      }
    }
    if (began_) runner_.parts_.meter.ran(job_, runner_.parts_.clock.steady() - *began_);
    runner_.end(job_, std::move(outcome), limit_);
  }

 private:
  const StoredMessage& message() const { return job_.delivery.message; }

  void note_start() {
    began_ = runner_.parts_.clock.steady();
    const bool first = job_.delivery.lease.delivery_count == 1;
    runner_.parts_.meter.started(job_,
                                 first ? std::optional(runner_.parts_.clock.now() - enqueued_at()) : std::nullopt);
  }

  JobRunner& runner_;
  const HeldJob& job_;
  const HandlerEntry& handler_;
  const std::optional<TimeLimits::Watch> limit_;
  std::vector<Around::After> after_;  // what the middleware wants to be told, the outermost first
  std::optional<SteadyTime> began_;   // when it counts
  mutable std::optional<JobId> id_;   // made when asked for
};

// The same in the hands of an asynchronous handler: it takes one of the worker's places for such jobs.
class JobRunner::AsyncJob : public RunningJob {
 public:
  AsyncJob(JobRunner& runner, const HeldJob& job, const HandlerEntry& handler)
      : RunningJob(runner, job, handler), runner_(runner) {
    (void)id();
  }

  void finish(Outcome outcome) override {
    JobRunner& runner = runner_;
    RunningJob::finish(std::move(outcome));
    runner.leave_async_place();
  }

 private:
  JobRunner& runner_;
};

void JobRunner::start() {
  threads_ = ThreadPool("handler", parts_.desks.size(),
                        [this](std::size_t number, const std::stop_token& stop) { run(number, stop); });
}

void JobRunner::run(std::size_t number, const std::stop_token& stop) {
  Desk& desk = *parts_.desks[number];
  std::vector<HeldJob*> taken;
  SteadyTime began = parts_.clock.steady();
  std::size_t count = 0;
  while (true) {
    const SteadyTime now = parts_.clock.steady();
    if (HeldJob* job = desk.begin_next(now)) {
      run_job(desk, *job, now, stop);
      ++count;
      continue;
    }
    parts_.settler.give_back(parts_.ready.report(now - began, count));
    count = 0;
    if (!refill(number, taken, stop)) return;
    began = parts_.clock.steady();
  }
}

void JobRunner::run_waiting(Desk& desk) {
  while (true) {
    const SteadyTime now = parts_.clock.steady();
    HeldJob* job = desk.begin_next(now);
    if (job == nullptr) return;
    run_job(desk, *job, now, {});
  }
}

// Puts more on the desk: what others took and have not begun, else from the ready queue. False when it is over.
bool JobRunner::refill(std::size_t number, std::vector<HeldJob*>& taken, const std::stop_token& stop) {
  if (parts_.ready.waiting() == 0) {
    for (std::size_t other = 0; other < parts_.desks.size() && taken.empty(); ++other) {
      if (other != number) parts_.desks[other]->steal(taken);
    }
  }
  if (taken.empty()) parts_.ready.take(taken, stop);
  const bool more = !taken.empty();
  parts_.desks[number]->add_waiting(taken);
  return more;
}

void JobRunner::run_job(Desk& desk, HeldJob& job, SteadyTime now, const std::stop_token& stop) {
  const HandlerEntry* handler = parts_.rules.handler(job);
  auto refused = refuse(job, handler, now);
  if (!refused) refused = take_place_and_mark(desk, job, *handler, stop);
  if (!refused) return begin(job, *handler);
  desk.finish(job, refused->ending, std::move(refused->outcome));
  parts_.settler.wake();
}

// Why the handler is not to be called; empty when it is.
std::optional<FinishedJob> JobRunner::refuse(HeldJob& job, const HandlerEntry* handler, SteadyTime now) const {
  using Ending = FinishedJob::Ending;
  const auto because = [&](Ending ending) { return FinishedJob{.job = &job, .ending = ending}; };
  // This program was frozen, and wakes before its lease keeper does.
  if (is_over(job, now)) job.lost = true;
  if (job.lost || *job.served().paused) return because(Ending::kUnstarted);
  if (job.record.dead) return because(Ending::kCondemned);
  if (parts_.calls.is_cancelled(job)) {
    return FinishedJob{
        .job = &job, .ending = Ending::kCancelled, .outcome = Outcome::cancelled("cancelled on request")};
  }
  if (handler == nullptr) return because(Ending::kUnknownKind);
  if (parts_.rules.is_exhausted(job)) return because(Ending::kExhausted);
  if (const auto deadline = JobRules::deadline(job); deadline && parts_.clock.now() >= *deadline) {
    return because(Ending::kExpired);
  }
  return std::nullopt;
}

// The mark comes last: a job that only waits for its place is not to blame if the worker dies.
std::optional<FinishedJob> JobRunner::take_place_and_mark(Desk& desk, HeldJob& job, const HandlerEntry& handler,
                                                          const std::stop_token& stop) {
  if (handler.asynchronous && !take_async_place(stop)) {
    return FinishedJob{.job = &job, .ending = FinishedJob::Ending::kUnstarted};
  }
  auto refused = mark_started(desk, job);
  if (refused && handler.asynchronous) leave_async_place();
  return refused;
}

// A first delivery cannot have been begun before: it needs no mark.
std::optional<FinishedJob> JobRunner::mark_started(Desk& desk, HeldJob& job) {
  using Ending = FinishedJob::Ending;
  if (job.delivery.lease.delivery_count == 1) return std::nullopt;
  if (!desk.begin_record(job)) return FinishedJob{.job = &job, .ending = Ending::kUnstarted};
  const auto marked = parts_.attempts.mark_started(job);
  desk.end_record(job);
  if (!marked) {
    if (marked.error().code() == ErrorCode::kLeaseLost) job.lost = true;
    return FinishedJob{.job = &job,
                       .ending = Ending::kUnstarted,
                       .outcome = Outcome::retry_after(std::chrono::seconds(1), marked.error().message())};
  }
  // Lost meanwhile: who noticed may have looked for a mark before it was there.
  if (job.lost) return FinishedJob{.job = &job, .ending = Ending::kInterrupted};
  return std::nullopt;
}

void JobRunner::begin(HeldJob& job, const HandlerEntry& handler) {
  parts_.tally.started.fetch_add(1, std::memory_order_relaxed);
  if (parts_.events.wanted()) tell_start(job);
  handler.asynchronous ? begin_async(job, handler) : call(job, handler);
}

void JobRunner::tell_start(const HeldJob& job) {
  const StoredMessage& message = job.delivery.message;
  parts_.events.tell({.what = JobEvent::What::kStarted,
                      .job = parts_.names.id_of(message).value_or(JobId{}),
                      .queue = job.served().queue,
                      .kind = std::string(message.headers.get(wire::kKind).value_or("")),
                      .attempt = job.record.attempts() + 1,
                      .worker = parts_.options.name});
}

void JobRunner::call(HeldJob& job, const HandlerEntry& handler) {
  RunningJob running(*this, job, handler);
  auto instead = running.enter();
  running.finish(instead ? std::move(*instead) : detail::run_handler(handler.blocking, running, handler.options));
}

void JobRunner::begin_async(HeldJob& job, const HandlerEntry& handler) {
  auto running = std::make_unique<AsyncJob>(*this, job, handler);
  const JobId id = running->id();  // the job may be gone when the handler returns
  if (auto instead = running->enter()) return running->finish(std::move(*instead));
  const auto thrown = detail::begin_handler(handler.asynchronous, std::move(running), handler.options);
  if (thrown == nullptr) return;
  parts_.log.warn("an asynchronous handler threw, and this does not end its job",
                  {{"job_id", id.str()}, {"error", detail::what_was_thrown(thrown, {}).text()}});
}

void JobRunner::end(const HeldJob& job, Outcome outcome, const std::optional<TimeLimits::Watch>& limit) {
  using Ending = FinishedJob::Ending;
  if (limit) parts_.limits.forget(*limit);
  Desk& desk = *job.desk;
  Ending ending = Ending::kOutcome;
  const StopReason reason = desk.stop_reason(job);
  if (reason == StopReason::kCancelled && (is_failure(outcome) || outcome.kind() == Outcome::Kind::kSnooze)) {
    outcome = Outcome::cancelled("cancelled on request while it ran");
  } else if (reason != StopReason::kNone && is_failure(outcome)) {
    if (reason == StopReason::kTimeout) {
      outcome = Outcome::retry("the attempt took longer than its limit: " + outcome.text());
    } else if (reason == StopReason::kDeadline) {
      ending = Ending::kExpired;
      outcome = Outcome::retry("its deadline passed while it ran: " + outcome.text());
    } else {
      ending = Ending::kInterrupted;
    }
  }
  desk.finish(job, ending, std::move(outcome));
  parts_.settler.wake();
}

bool JobRunner::take_async_place(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const bool free = place_free_.wait(
      mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return async_running_ < parts_.options.async_jobs; });
  if (free) ++async_running_;
  return free;
}

// The last that a foreign thread does here: stop() waits for it.
void JobRunner::leave_async_place() {
  MutexLock lock(mutex_);
  --async_running_;
  place_free_.notify_all();
}

bool JobRunner::wait_for_asynchronous(Duration patience) {
  MutexLock lock(mutex_);
  return wait_until(real_clock(), place_free_, mutex_, deadline_after(real_clock(), patience), {},
                    [this]() LEAT_REQUIRES(mutex_) { return async_running_ == 0; });
}

void JobRunner::stop() {
  threads_.stop();
  MutexLock lock(mutex_);
  place_free_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return async_running_ == 0; });
}

}  // namespace leat
