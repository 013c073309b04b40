#include "leat/worker.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <thread>

#include "core/gate.h"
#include "core/text.h"
#include "core/ulid.h"
#include "jobs/fetcher.h"
#include "jobs/heartbeat.h"
#include "jobs/job_runner.h"
#include "jobs/job_streams.h"
#include "jobs/lease_keeper.h"
#include "jobs/scheduler.h"
#include "jobs/served_queue.h"

namespace leat {
namespace {

constexpr std::size_t kJobsTold = 100;  // of the running ones, in a heartbeat

std::string host_name() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return "localhost";
  return host.data();
}

Result<void> check(const WorkerOptions& options) {
  const auto refused = [](std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); };
  if (auto named = Names(options.name_space).check(); !named) return named;
  if (options.queues.empty() && !options.scheduler) return refused("a worker needs at least one queue, or to schedule");
  for (const std::string& queue : options.queues) {
    if (auto named = check_queue_name(queue); !named) return named;
    if (std::count(options.queues.begin(), options.queues.end(), queue) > 1)
      return refused("queue \"" + queue + "\" stands twice");
  }
  if (options.concurrency > 10'000) return refused("concurrency is more than 10,000 threads");
  if (options.max_attempts == 0) return refused("max_attempts is 0; a job needs 1 or more");
  if (options.ack_wait < std::chrono::milliseconds(100)) return refused("ack_wait is less than 100 ms");
  if (options.grace < Duration{0}) return refused("grace is negative");
  if (options.async_jobs == 0) return refused("async_jobs is 0; it is 1 or more");
  if (options.stuck_after < std::chrono::milliseconds(1)) return refused("stuck_after is less than 1 ms");
  return options.retry.check();
}

WorkerOptions with_worker_defaults(WorkerOptions options) {
  if (options.concurrency == 0) options.concurrency = std::max(std::thread::hardware_concurrency(), 1U);
  if (options.name.empty()) options.name = host_name() + "-" + std::to_string(getpid());
  return options;
}

}  // namespace

// The composition root of a worker: its roles in the order in which they depend on each other.
class Worker::Crew {
 public:
  Crew(Broker& broker, WorkerOptions options)
      : broker_(broker),
        options_(with_worker_defaults(std::move(options))),
        log_(options_.log != nullptr ? *options_.log : no_log()),
        drift_log_(drift_log(options_.log)),
        names_(options_.name_space),
        rules_(options_),
        meter_(options_.metrics),
        events_(broker, names_, log_),
        endings_(broker, names_),
        started_at_(broker.clock().now()) {}
  ~Crew() { stop(); }

  JobRules& rules() { return rules_; }
  const WorkerOptions& options() const { return options_; }
  Result<void> start() LEAT_EXCLUDES(mutex_);
  void stop() LEAT_EXCLUDES(mutex_);
  void stop_now() LEAT_EXCLUDES(threads_mutex_);
  WorkerCounts counts() const;

 private:
  Result<void> open_queues();
  Result<void> open_queue(Priority priority, const std::string& queue);
  Result<void> open_scheduler();
  Result<void> open_heartbeat();
  void assemble(std::unique_ptr<KeyValue> attempts, Letters letters);
  bool start_threads() LEAT_EXCLUDES(threads_mutex_);
  void give_back_unstarted();
  void stop_taking();
  std::size_t running() const;
  bool wait_for_handlers(Duration patience);
  WorkerInfo describe();
  WorkerInfo::State state_now(std::size_t running) const;
  void describe_jobs(WorkerInfo& worker);

  Broker& broker_;
  const WorkerOptions options_;
  Log& log_;
  Log& drift_log_;
  const Names names_;
  JobRules rules_;
  JobMeter meter_;
  EventLog events_;
  WorkerTally tally_;
  Endings endings_;

  std::vector<std::unique_ptr<ServedQueue>> served_;
  std::vector<ConsumerConfig> subscriptions_;
  std::vector<std::unique_ptr<Desk>> desks_;
  JobLedger ledger_;
  std::unique_ptr<JobCalls> calls_;
  std::unique_ptr<ControlWatch> control_;
  std::unique_ptr<AttemptBook> attempts_;
  std::unique_ptr<Undertaker> undertaker_;
  std::unique_ptr<ReadyQueue> ready_;
  std::unique_ptr<Settler> settler_;
  std::unique_ptr<LeaseKeeper> lease_keeper_;
  std::unique_ptr<TimeLimits> limits_;
  std::unique_ptr<JobRunner> runner_;
  std::vector<std::unique_ptr<Fetcher>> fetchers_;
  std::unique_ptr<Scheduler> scheduler_;  // null when this worker is not to lead
  std::unique_ptr<Heartbeat> heartbeat_;

  const SystemTime started_at_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> assembled_{false};  // the roles are there, for those who ask without the mutex
  Mutex threads_mutex_;                 // all threads are there before they are told to end at once
  Mutex mutex_;                         // one start or stop at a time
  enum class State { kNew, kRunning, kStopped } state_ LEAT_GUARDED_BY(mutex_) = State::kNew;
};

Result<void> Worker::Crew::start() {
  MutexLock lock(mutex_);
  if (state_ != State::kNew) return Error(ErrorCode::kInvalidArgument, "a worker starts once");
  if (auto checked = check(options_); !checked) return checked;
  if (auto checked = rules_.check(); !checked) return checked;
  const auto letters = ensure_job_streams(broker_, names_, drift_log_);
  if (!letters) return letters.error();
  auto attempts = open_attempts(broker_, names_, drift_log_);
  if (!attempts) return attempts.error();
  if (const auto opened = endings_.open(drift_log_); !opened) return opened.error();
  if (auto opened = open_heartbeat(); !opened) return opened;
  heartbeat_->begin();
  auto opened = open_queues();
  if (opened) opened = open_scheduler();
  if (!opened) {
    heartbeat_->stop();
    return opened;
  }
  assemble(std::move(*attempts), *letters);
  if (!start_threads()) {
    heartbeat_->stop();
    return Error(ErrorCode::kUnavailable, "the worker was told to end while it started");
  }
  state_ = State::kRunning;
  log_.info("worker started",
            {{"worker", options_.name}, {"concurrency", options_.concurrency}, {"kinds", rules_.kinds()}});
  return {};
}

bool Worker::Crew::start_threads() {
  MutexLock lock(threads_mutex_);
  if (stopping_) return false;
  assembled_ = true;
  events_.start();
  settler_->start();
  lease_keeper_->start();
  limits_->start();
  runner_->start();
  for (const auto& fetcher : fetchers_) fetcher->start();
  if (scheduler_ != nullptr) scheduler_->start();
  heartbeat_->start();
  return true;
}

Result<void> Worker::Crew::open_queues() {
  served_.clear();
  subscriptions_.clear();
  auto control = open_control(broker_, names_, drift_log_);
  if (!control) return control.error();
  for (const std::string& queue : options_.queues) {
    const auto named = (*control)->create(Names::queue_key(queue), "{}");
    if (!named && named.error().code() != ErrorCode::kConflict) return named.error();
    for (const Priority priority : kPriorities) {
      if (auto opened = open_queue(priority, queue); !opened) return opened;
    }
  }
  control_ = std::make_unique<ControlWatch>(std::move(*control), log_);
  calls_ = std::make_unique<JobCalls>(JobCalls::Parts{ledger_, control_->records(), options_.name, log_});
  control_->set_listener([this](const KeyEntry& entry) { calls_->heard(entry); });
  for (const auto& served : served_) served->paused = control_->pause_flag(served->queue);
  return control_->start();
}

Result<void> Worker::Crew::open_queue(Priority priority, const std::string& queue) {
  subscriptions_.push_back(subscription_of(names_, priority, queue, options_.ack_wait));
  auto served = open_served_queue(broker_, priority, subscriptions_.back(), drift_log_);
  if (!served) return served.error();
  served_.push_back(std::move(*served));
  return {};
}

Result<void> Worker::Crew::open_scheduler() {
  if (!options_.scheduler) return {};
  auto records = open_leader(broker_, names_, drift_log_);
  if (!records) return records.error();
  auto schedules = open_schedules(broker_, names_, drift_log_);
  if (!schedules) return schedules.error();
  scheduler_ =
      std::make_unique<Scheduler>(Scheduler::Parts{broker_, names_, endings_, events_, options_.name, kLeaderTtl, log_},
                                  std::move(*records), std::move(*schedules));
  return {};
}

Result<void> Worker::Crew::open_heartbeat() {
  auto workers = open_workers(broker_, names_, drift_log_);
  if (!workers) return workers.error();
  heartbeat_ = std::make_unique<Heartbeat>(
      Heartbeat::Parts{broker_.clock(), log_, make_ulid(started_at_), [this] { return describe(); }},
      std::move(*workers));
  return {};
}

WorkerInfo Worker::Crew::describe() {
  WorkerInfo worker{.name = options_.name,
                    .host = host_name(),
                    .pid = getpid(),
                    .queues = options_.queues,
                    .concurrency = options_.concurrency,
                    .started_at = started_at_,
                    .leads = scheduler_ != nullptr && scheduler_->leads(),
                    .done = tally_.done,
                    .dead = tally_.dead,
                    .running = running()};
  worker.state = state_now(worker.running);
  describe_jobs(worker);
  std::map<const ServedQueue*, std::uint64_t> held;
  ledger_.for_each_unsettled([&](const HeldJob& job) { ++held[&job.served()]; });
  for (const auto& [served, jobs] : held) worker.held.push_back({served->queue, served->priority, jobs});
  return worker;
}

WorkerInfo::State Worker::Crew::state_now(std::size_t running) const {
  if (stopping_) return WorkerInfo::State::kStopping;
  if (!assembled_) return WorkerInfo::State::kStarting;
  return running > 0 ? WorkerInfo::State::kBusy : WorkerInfo::State::kIdle;
}

void Worker::Crew::describe_jobs(WorkerInfo& worker) {
  const SystemTime now = broker_.clock().now();
  const SteadyTime steady = broker_.clock().steady();
  for (const auto& desk : desks_) {
    desk->visit_running([&](const HeldJob& job, const Desk::RunFacts& facts) {
      worker.jobs.push_back({.id = names_.id_of(job.delivery.message).value_or(JobId{}),
                             .kind = std::string(job.delivery.message.headers.get(wire::kKind).value_or("")),
                             .attempt = job.record.attempts() + 1,
                             .since = now - (steady - facts.began),
                             .progress = facts.progress,
                             .note = facts.note});
    });
  }
  std::sort(worker.jobs.begin(), worker.jobs.end(),
            [](const auto& a, const auto& b) { return std::tie(a.since, a.id) < std::tie(b.since, b.id); });
  if (worker.jobs.size() > kJobsTold) worker.jobs.resize(kJobsTold);
}

void Worker::Crew::assemble(std::unique_ptr<KeyValue> attempts, Letters letters) {
  Clock& clock = broker_.clock();
  std::vector<Priority> priorities;
  for (const auto& served : served_) priorities.push_back(served->priority);
  const auto on_stop = [this](Desk& desk, Desk::RunId run) { limits_->stopped(desk, run); };
  for (unsigned i = 0; i < options_.concurrency; ++i) desks_.push_back(std::make_unique<Desk>(on_stop));

  attempts_ = std::make_unique<AttemptBook>(std::move(attempts),
                                            AttemptBook::Parts{clock, names_, options_.name, ledger_, log_});
  undertaker_ = std::make_unique<Undertaker>(broker_, names_, letters);
  ready_ = std::make_unique<ReadyQueue>(priorities, options_.concurrency, options_.order);
  settler_ =
      std::make_unique<Settler>(Settler::Parts{clock, log_, options_, rules_, names_, desks_, ledger_, *attempts_,
                                               *calls_, *undertaker_, endings_, meter_, events_, tally_});
  lease_keeper_ = std::make_unique<LeaseKeeper>(
      LeaseKeeper::Parts{clock, log_, names_, broker_.capabilities().fenced_settle, served_, ledger_, *settler_});
  limits_ =
      std::make_unique<TimeLimits>(TimeLimits::Parts{clock, log_, names_, options_.name, options_.stuck_after, meter_});
  runner_ = std::make_unique<JobRunner>(JobRunner::Parts{clock, log_, options_, names_, rules_, desks_, *ready_,
                                                         *attempts_, *calls_, *settler_, *lease_keeper_, *limits_,
                                                         meter_, events_, tally_});
  for (std::size_t lane = 0; lane < served_.size(); ++lane) {
    fetchers_.push_back(
        std::make_unique<Fetcher>(Fetcher::Parts{broker_, *served_[lane], subscriptions_[lane], lane, ledger_, *ready_,
                                                 *attempts_, *settler_, *control_, log_}));
  }
}

void Worker::Crew::give_back_unstarted() {
  settler_->give_back(ready_->close());
  std::vector<HeldJob*> unstarted;
  for (const auto& desk : desks_) desk->take_waiting(unstarted);
  settler_->give_back(std::move(unstarted));
}

// No more from the broker; what has not begun goes back at once.
void Worker::Crew::stop_taking() {
  for (const auto& fetcher : fetchers_) fetcher->request_stop();
  give_back_unstarted();
  for (const auto& fetcher : fetchers_) fetcher->stop();
}

std::size_t Worker::Crew::running() const {
  std::size_t count = 0;
  for (const auto& desk : desks_) count += desk->running();
  return count;
}

bool Worker::Crew::wait_for_handlers(Duration patience) {
  constexpr Duration kLookAgain = std::chrono::milliseconds(5);
  const SteadyTime until = deadline_after(broker_.clock(), patience);
  while (running() > 0) {
    if (broker_.clock().steady() >= until) return false;
    sleep_for(real_clock(), kLookAgain, {});
  }
  return true;
}

void Worker::Crew::stop() {
  MutexLock lock(mutex_);
  if (state_ != State::kRunning) return;
  state_ = State::kStopped;
  stopping_ = true;
  log_.info("worker stops", {{"worker", options_.name}});
  stop_taking();
  if (scheduler_ != nullptr) scheduler_->stop();
  runner_->request_stop();
  if (!wait_for_handlers(options_.grace)) {
    for (const auto& desk : desks_) desk->stop_all(StopReason::kShutdown);
    wait_for_handlers(Duration::max());
  }
  runner_->stop();
  limits_->stop();
  control_->stop();
  settler_->stop();
  lease_keeper_->stop();
  heartbeat_->stop();
  events_.stop();
  log_.info("worker stopped", {{"worker", options_.name}, {"done", tally_.done.load()}});
}

void Worker::Crew::stop_now() {
  // A stop() that waits for handlers holds the other mutex; this is the way past it.
  MutexLock lock(threads_mutex_);
  stopping_ = true;
  if (!assembled_) return;
  constexpr Duration kPatience = std::chrono::seconds(2);
  const SteadyTime marked_by = deadline_after(real_clock(), kPatience);
  for (const auto& fetcher : fetchers_) fetcher->request_stop();
  give_back_unstarted();
  for (const auto& served : served_) served->consumer.load()->release_ahead();
  std::vector<HeldJob*> abandoned;
  for (const auto& desk : desks_) desk->abandon_running(abandoned, marked_by);
  settler_->abandon(abandoned);
  for (const auto& desk : desks_) desk->stop_all(StopReason::kShutdown);
  settler_->drain(kPatience);
}

WorkerCounts Worker::Crew::counts() const {
  const bool assembled = assembled_;
  return {.started = tally_.started,
          .done = tally_.done,
          .retried = tally_.retried,
          .dead = tally_.dead,
          .interrupted = tally_.interrupted,
          .unstarted = assembled ? ready_->waiting() : 0,
          .running = assembled ? running() : 0,
          .stuck = assembled ? limits_->stuck() : 0};
}

Worker::Worker(Broker& broker, WorkerOptions options) : crew_(std::make_unique<Crew>(broker, std::move(options))) {}
Worker::~Worker() = default;
Worker::Worker(Worker&&) noexcept = default;
Worker& Worker::operator=(Worker&&) noexcept = default;

Worker& Worker::handle(std::string_view kind, Handler handler, HandlerOptions options) {
  crew_->rules().add(kind, {.blocking = std::move(handler), .options = std::move(options)});
  return *this;
}

Worker& Worker::handle_async(std::string_view kind, AsyncHandler handler, HandlerOptions options) {
  crew_->rules().add(kind, {.asynchronous = std::move(handler), .options = std::move(options)});
  return *this;
}

Result<void> Worker::start() {
  return crew_->start();
}
void Worker::stop() {
  crew_->stop();
}
void Worker::stop_now() {
  crew_->stop_now();
}
WorkerCounts Worker::counts() const {
  return crew_->counts();
}
const std::string& Worker::name() const {
  return crew_->options().name;
}

}  // namespace leat
