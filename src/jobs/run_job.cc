#include "leat/run_job.h"

#include "core/mutex.h"
#include "core/text.h"

namespace leat {
namespace {

// Where an asynchronous handler leaves its outcome, on whatever thread; lives until both sides have let go of it.
class Answer {
 public:
  void give(Outcome outcome) {
    MutexLock lock(mutex_);
    outcome_ = std::move(outcome);
    given_.notify_all();
  }
  std::optional<Outcome> wait(Duration patience) {
    MutexLock lock(mutex_);
    wait_until(real_clock(), given_, mutex_, deadline_after(real_clock(), patience), {},
               [this]() LEAT_REQUIRES(mutex_) { return outcome_.has_value(); });
    return outcome_;
  }

 private:
  Mutex mutex_;
  CondVar given_;
  std::optional<Outcome> outcome_ LEAT_GUARDED_BY(mutex_);
};

// A job that lies in no queue.
class LoneJob : public PendingJob {
 public:
  LoneJob(EncodedJob job, const RunJobOptions& options, std::shared_ptr<Answer> answer)
      : job_(std::move(job)),
        options_(options),
        enqueued_at_(options.enqueued_at.value_or(real_clock().now())),
        answer_(std::move(answer)) {
    for (const auto& [name, value] : options.headers) job_.headers.set(name, value);
    if (options_.stop_token.stop_possible() || options_.stop_reason == StopReason::kNone) return;
    std::stop_source fired;
    fired.request_stop();
    options_.stop_token = fired.get_token();
  }

  const JobId& id() const override { return options_.id; }
  std::string_view kind() const override { return job_.kind; }
  std::string_view payload() const override { return job_.payload; }
  unsigned attempt() const override { return options_.attempt; }
  unsigned max_attempts() const override { return options_.max_attempts; }
  const Headers& headers() const override { return job_.headers; }
  SystemTime enqueued_at() const override { return enqueued_at_; }
  std::optional<SystemTime> deadline() const override { return options_.deadline; }
  std::stop_token stop_token() const override { return options_.stop_token; }
  StopReason stop_reason() const override {
    if (!options_.stop_token.stop_requested()) return StopReason::kNone;
    return options_.stop_reason == StopReason::kNone ? StopReason::kShutdown : options_.stop_reason;
  }
  Result<void> extend_lease() override {
    if (stop_reason() != StopReason::kLeaseLost) return {};
    return Error(ErrorCode::kLeaseLost, "the lease is lost: another worker may run the job");
  }
  void finish(Outcome outcome) override { answer_->give(std::move(outcome)); }

 private:
  EncodedJob job_;
  RunJobOptions options_;
  const SystemTime enqueued_at_;
  const std::shared_ptr<Answer> answer_;
};

}  // namespace

Outcome detail::run_blocking(const Handler& handler, EncodedJob job, const RunJobOptions& options) {
  LoneJob context(std::move(job), options, nullptr);
  return run_handler(handler, context, {.on_exception = options.on_exception});
}

Outcome detail::run_asynchronous(const AsyncHandler& handler, EncodedJob job, const RunJobOptions& options) {
  constexpr Duration kLookAgain = std::chrono::milliseconds(1);
  const auto answer = std::make_shared<Answer>();
  (void)begin_handler(handler, std::make_unique<LoneJob>(std::move(job), options, answer),
                      {.on_exception = options.on_exception});
  const SteadyTime until = deadline_after(real_clock(), options.patience);
  do {
    if (options.while_waiting) options.while_waiting();
    if (auto outcome = answer->wait(options.while_waiting ? kLookAgain : options.patience)) return *std::move(outcome);
  } while (real_clock().steady() < until);
  return Outcome::retry("the asynchronous handler has not finished its Completion after " +
                        format_duration(options.patience));
}

}  // namespace leat
