#include "jobs/job_runner.h"

namespace leat {
namespace {

// What a handler sees of the job that it runs.
class RunningJob : public JobContext {
 public:
  RunningJob(const HeldJob& job, const Desk& desk, const Names& names, const WorkerOptions& options)
      : job_(job), desk_(desk), names_(names), options_(options) {}

  const JobId& id() const override {
    if (!id_) id_ = names_.id_of(message()).value_or(JobId{});
    return *id_;
  }
  std::string_view kind() const override { return message().headers.get(wire::kKind).value_or(""); }
  std::string_view payload() const override { return message().payload; }
  unsigned attempt() const override { return job_.record.attempts() + 1; }
  unsigned max_attempts() const override { return Settler::max_attempts(job_, options_); }
  const Headers& headers() const override { return message().headers; }
  SystemTime enqueued_at() const override { return message().time; }
  std::stop_token stop_token() const override { return desk_.stop_token(); }
  StopReason stop_reason() const override { return desk_.stop_reason(); }

 private:
  const StoredMessage& message() const { return job_.delivery.message; }

  const HeldJob& job_;
  const Desk& desk_;
  const Names& names_;
  const WorkerOptions& options_;
  mutable std::optional<JobId> id_;  // made when asked for
};

bool may_be_interruption(const Outcome& outcome) {
  return outcome.kind() == Outcome::Kind::kRetry || outcome.kind() == Outcome::Kind::kRetryAfter;
}

}  // namespace

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
    if (HeldJob* job = desk.begin_next()) {
      run_job(desk, *job);
      ++count;
      continue;
    }
    parts_.settler.give_back(parts_.ready.report(parts_.clock.steady() - began, count));
    count = 0;
    if (!refill(number, taken, stop)) return;
    began = parts_.clock.steady();
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

void JobRunner::run_job(Desk& desk, HeldJob& job) {
  using Ending = FinishedJob::Ending;
  const auto handler = parts_.handlers.find(job.delivery.message.headers.get(wire::kKind).value_or(""));
  Ending ending = Ending::kOutcome;
  Outcome outcome = Outcome::done();
  if (job.lost) {
    ending = Ending::kUnstarted;
  } else if (handler == parts_.handlers.end()) {
    ending = Ending::kUnknownKind;
  } else if (Settler::is_exhausted(job, parts_.options)) {
    ending = Ending::kExhausted;
  } else if (const auto marked = mark_started(desk, job); !marked) {
    job.lost = marked.error().code() == ErrorCode::kLeaseLost;
    ending = Ending::kUnstarted;
    outcome = Outcome::retry_after(std::chrono::seconds(1), marked.error().message());
  } else {
    parts_.tally.started.fetch_add(1, std::memory_order_relaxed);
    outcome = call(handler->second, desk, job);
    if (may_be_interruption(outcome) && desk.stop_reason() != StopReason::kNone) ending = Ending::kInterrupted;
  }
  desk.finish(ending, std::move(outcome));
  parts_.settler.wake();
}

// A first delivery cannot have been begun before: it needs no mark.
Result<void> JobRunner::mark_started(Desk& desk, HeldJob& job) {
  if (job.delivery.lease.delivery_count == 1) return {};
  desk.set_writing_record(true);
  auto marked = parts_.attempts.mark_started(job);
  desk.set_writing_record(false);
  return marked;
}

// The one place where the user's exceptions end.
Outcome JobRunner::call(const Handler& handler, Desk& desk, HeldJob& job) {
  RunningJob context(job, desk, parts_.names, parts_.options);
  try {
    return handler(context);
  } catch (const std::exception& e) {
    return Outcome::retry(e.what());
  } catch (...) {
    return Outcome::retry("the handler threw something that is no std::exception");
  }
}

}  // namespace leat
