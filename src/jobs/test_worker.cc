#include "leat/test_worker.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "jobs/enqueued_jobs.h"
#include "jobs/fetcher.h"
#include "jobs/job_runner.h"
#include "jobs/job_streams.h"
#include "jobs/lease_keeper.h"
#include "jobs/run_log.h"
#include "jobs/scheduler.h"
#include "jobs/served_queue.h"
#include "jobs/test_clock.h"
#include "leat/memory_broker.h"

namespace leat {
namespace {

WorkerOptions with_defaults(WorkerOptions options) {
  if (options.name.empty()) options.name = "test";
  return options;
}

void count(Drained& drained, JobRun::Then then) {
  switch (then) {
    case JobRun::Then::kDone: ++drained.done; return;
    case JobRun::Then::kRetry: ++drained.retried; return;
    case JobRun::Then::kSnoozed: ++drained.snoozed; return;
    case JobRun::Then::kDead: ++drained.dead; return;
    case JobRun::Then::kCancelled: ++drained.cancelled; return;
    case JobRun::Then::kNoHandler: ++drained.no_handler; return;
    case JobRun::Then::kInterrupted: ++drained.interrupted; return;
  }
}

// For as long as a handler runs, also when while_waiting() throws.
class Busy {
 public:
  explicit Busy(bool& flag) : flag_(flag) { flag_ = true; }
  ~Busy() { flag_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  bool& flag_;
};

Error nothing_due(std::string_view queue) {
  return {ErrorCode::kNotFound, queue.empty() ? "no job is due" : "no job is due in queue " + std::string(queue)};
}

}  // namespace

// A worker's roles without their threads, in the order in which they depend on each other.
class TestWorker::Crew {
 public:
  // Without a broker to borrow, it opens one of its own.
  Crew(Broker* borrowed, TestOptions options)
      : test_(std::move(options)),
        options_(with_defaults(test_.worker)),
        own_broker_(borrowed == nullptr ? open_memory_broker({.clock = &clock_, .log = options_.log}) : nullptr),
        broker_(borrowed == nullptr ? *own_broker_ : *borrowed),
        log_(options_.log != nullptr ? *options_.log : no_log()),
        drift_log_(drift_log(options_.log)),
        names_(options_.name_space),
        rules_(options_),
        meter_(options_.metrics),
        events_(broker_, names_, log_),
        endings_(broker_, names_),
        runs_(names_) {}
  ~Crew();

  JobRules& rules() { return rules_; }
  Broker& broker() { return broker_; }
  ManualClock& clock() { return clock_; }
  // Empty when no job is due.
  Result<std::optional<JobRun>> run_next(std::string_view queue);
  Result<std::vector<EnqueuedJob>> enqueued(const EnqueuedFilter& filter);

 private:
  struct Lane {
    std::unique_ptr<ServedQueue> served;
    std::unique_ptr<Fetcher> fetcher;
  };

  Result<void> check() const;
  Result<void> open();
  void assemble(std::unique_ptr<KeyValue> attempts, std::unique_ptr<KeyValue> control, Letters letters);
  Result<void> look();
  Result<std::vector<std::string>> queues_in_use();
  Result<void> open_lanes(const std::string& queue);
  bool hear_calls();
  Result<HeldJob*> take_next(std::string_view queue);
  Result<HeldJob*> take_from(Lane& lane);
  Result<std::optional<JobRun>> run(HeldJob& job);
  bool finish_asynchronous(Duration patience);

  const TestOptions test_;
  const WorkerOptions options_;
  TestClock clock_;
  const std::unique_ptr<Broker> own_broker_;  // null: it is borrowed
  Broker& broker_;
  Log& log_;
  Log& drift_log_;
  const Names names_;
  JobRules rules_;
  JobMeter meter_;
  EventLog events_;
  WorkerTally tally_;
  Endings endings_;
  RunLog runs_;

  std::vector<std::unique_ptr<Desk>> desks_;  // one
  JobLedger ledger_;
  std::unique_ptr<ControlWatch> control_;
  std::unique_ptr<JobCalls> calls_;
  std::unique_ptr<AttemptBook> attempts_;
  std::unique_ptr<Undertaker> undertaker_;
  std::unique_ptr<ReadyQueue> ready_;  // always empty
  std::unique_ptr<Settler> settler_;
  std::vector<std::unique_ptr<ServedQueue>> renewed_;  // none: a lease is renewed when its handler asks for it
  std::unique_ptr<LeaseKeeper> lease_keeper_;
  std::unique_ptr<TimeLimits> limits_;
  std::unique_ptr<JobRunner> runner_;
  std::unique_ptr<Scheduler> scheduler_;
  std::set<std::string> queues_;
  std::vector<Lane> lanes_;  // by priority

  bool opened_ = false;
  bool busy_ = false;
  std::uint64_t heard_ = 0;  // the newest record of the control bucket
};

TestWorker::Crew::~Crew() {
  if (!opened_) return;
  desks_.front()->stop_all(StopReason::kShutdown);
  while (!finish_asynchronous(std::chrono::minutes(1))) log_.warn("an asynchronous handler is still at it", {});
  settler_->settle_now();
  clock_.set_roles({});
  limits_->stop();
}

Result<void> TestWorker::Crew::check() const {
  if (auto named = names_.check(); !named) return named;
  for (const std::string& queue : test_.queues) {
    if (auto named = check_queue_name(queue); !named) return named;
  }
  if (options_.max_attempts == 0) return Error(ErrorCode::kInvalidArgument, "max_attempts is 0; a job needs 1 or more");
  if (auto checked = options_.retry.check(); !checked) return checked;
  return rules_.check();
}

Result<void> TestWorker::Crew::open() {
  if (opened_) return {};
  const auto letters = ensure_job_streams(broker_, names_, drift_log_);
  if (!letters) return letters.error();
  auto attempts = open_attempts(broker_, names_, drift_log_);
  if (!attempts) return attempts.error();
  auto control = open_control(broker_, names_, drift_log_);
  if (!control) return control.error();
  auto leader = open_leader(broker_, names_, drift_log_);
  if (!leader) return leader.error();
  auto schedules = open_schedules(broker_, names_, drift_log_);
  if (!schedules) return schedules.error();
  if (const auto opened = endings_.open(drift_log_); !opened) return opened.error();
  scheduler_ =
      std::make_unique<Scheduler>(Scheduler::Parts{broker_, names_, endings_, events_, options_.name, kLeaderTtl, log_},
                                  std::move(*leader), std::move(*schedules));
  assemble(std::move(*attempts), std::move(*control), *letters);
  events_.start();
  opened_ = true;
  return {};
}

void TestWorker::Crew::assemble(std::unique_ptr<KeyValue> attempts, std::unique_ptr<KeyValue> control,
                                Letters letters) {
  constexpr double kNoJitter = 0.5;
  Clock& clock = broker_.clock();
  desks_.push_back(std::make_unique<Desk>([this](Desk& desk, Desk::RunId run) { limits_->stopped(desk, run); }));
  control_ = std::make_unique<ControlWatch>(std::move(control), log_);
  calls_ = std::make_unique<JobCalls>(JobCalls::Parts{ledger_, control_->records(), options_.name, log_});
  attempts_ = std::make_unique<AttemptBook>(std::move(attempts),
                                            AttemptBook::Parts{clock, names_, options_.name, ledger_, log_});
  undertaker_ = std::make_unique<Undertaker>(broker_, names_, letters);
  ready_ = std::make_unique<ReadyQueue>(std::vector<Priority>{}, 1, options_.order);
  settler_ = std::make_unique<Settler>(Settler::Parts{
      clock, log_, options_, rules_, names_, desks_, ledger_, *attempts_, *calls_, *undertaker_, endings_, meter_,
      events_, tally_, [this](const SettledJob& job) { runs_.settled(job); }, [] { return kNoJitter; }});
  lease_keeper_ = std::make_unique<LeaseKeeper>(
      LeaseKeeper::Parts{clock, log_, names_, broker_.capabilities().fenced_settle, renewed_, ledger_, *settler_});
  limits_ =
      std::make_unique<TimeLimits>(TimeLimits::Parts{clock, log_, names_, options_.name, options_.stuck_after, meter_});
  runner_ = std::make_unique<JobRunner>(JobRunner::Parts{clock, log_, options_, names_, rules_, desks_, *ready_,
                                                         *attempts_, *calls_, *settler_, *lease_keeper_, *limits_,
                                                         meter_, events_, tally_});
  control_->set_listener([this](const KeyEntry& entry) {
    heard_ = std::max(heard_, entry.revision);
    calls_->heard(entry);
  });
  if (own_broker_ == nullptr) return limits_->start();
  clock_.set_roles({.moved = [this] { limits_->fire_due(); }, .about_to_wait = [this] { return hear_calls(); }});
}

// Pauses, calls, and queues that are new.
Result<void> TestWorker::Crew::look() {
  if (auto looked = control_->look(); !looked) return looked;
  const auto queues = queues_in_use();
  if (!queues) return queues.error();
  for (const std::string& queue : *queues) {
    if (queues_.contains(queue)) continue;
    if (auto opened = open_lanes(queue); !opened) return opened;
    queues_.insert(queue);
  }
  const auto place = [&](const Lane& lane) {
    return std::pair(lane.served->priority, std::find(queues->begin(), queues->end(), lane.served->queue));
  };
  std::stable_sort(lanes_.begin(), lanes_.end(), [&](const Lane& a, const Lane& b) { return place(a) < place(b); });
  return {};
}

Result<std::vector<std::string>> TestWorker::Crew::queues_in_use() {
  if (!test_.queues.empty()) return test_.queues;
  const auto entries = control_->records().list("queue");
  if (!entries) return entries.error();
  std::vector<std::string> queues;
  for (const KeyEntry& entry : *entries) queues.push_back(entry.key.substr(Names::queue_key("").size()));
  return queues;
}

Result<void> TestWorker::Crew::open_lanes(const std::string& queue) {
  std::vector<Lane> lanes;
  for (const Priority priority : kPriorities) {
    const ConsumerConfig subscription = subscription_of(names_, priority, queue, options_.ack_wait);
    auto served = open_served_queue(broker_, priority, subscription, drift_log_);
    if (!served) return served.error();
    Lane& lane = lanes.emplace_back();
    lane.served = std::move(*served);
    lane.fetcher = std::make_unique<Fetcher>(Fetcher::Parts{broker_, *lane.served, subscription, 0, ledger_, *ready_,
                                                            *attempts_, *settler_, *control_, log_});
  }
  std::move(lanes.begin(), lanes.end(), std::back_inserter(lanes_));
  return {};
}

// What a control watch's thread does in a worker. True when there was something new.
bool TestWorker::Crew::hear_calls() {
  const std::uint64_t before = heard_;
  return control_->look() && heard_ > before;
}

Result<std::optional<JobRun>> TestWorker::Crew::run_next(std::string_view queue) {
  if (busy_) return Error(ErrorCode::kInvalidArgument, "a handler cannot run jobs: they wait until it has returned");
  if (auto checked = check(); !checked) return checked.error();
  if (auto opened = open(); !opened) return opened.error();
  settler_->settle_now();
  if (auto late = runs_.take()) return late;
  if (auto looked = look(); !looked) return looked.error();
  auto job = take_next(queue);
  if (job && *job == nullptr && options_.scheduler) {
    if (auto moved = scheduler_->move_ready(); !moved) return moved.error();
    job = take_next(queue);
  }
  if (!job) return job.error();
  return *job == nullptr ? Result<std::optional<JobRun>>(std::nullopt) : run(**job);
}

Result<HeldJob*> TestWorker::Crew::take_next(std::string_view queue) {
  for (Lane& lane : lanes_) {
    if (!queue.empty() && lane.served->queue != queue) continue;
    auto job = take_from(lane);
    if (!job || *job != nullptr) return job;
  }
  return nullptr;
}

Result<HeldJob*> TestWorker::Crew::take_from(Lane& lane) {
  // A broker elsewhere needs a moment to answer; a manual clock would never let it pass.
  constexpr std::chrono::milliseconds kElsewhere(100);
  const bool elsewhere = broker_.capabilities().answers_get_lost && &broker_.clock() == &real_clock();
  const auto wait = elsewhere ? kElsewhere : std::chrono::milliseconds(0);
  do {
    const auto jobs = lane.fetcher->take_now(1, wait);
    if (!jobs) return jobs.error();
    if (!jobs->empty()) return jobs->front();
  } while (settler_->settle_now() > 0);  // one came before its time: there may be others
  return nullptr;
}

Result<std::optional<JobRun>> TestWorker::Crew::run(HeldJob& job) {
  std::vector<HeldJob*> waiting{&job};
  desks_.front()->add_waiting(waiting);
  const std::uint64_t calls_before = tally_.started;
  const Busy busy(busy_);
  runner_->run_waiting(*desks_.front());
  runs_.begun(job, tally_.started > calls_before ? RunLog::Called::kYes : RunLog::Called::kNo);
  if (!finish_asynchronous(test_.patience)) {
    return Error(ErrorCode::kUnavailable, "the asynchronous handler of " + names_.id_text(job.delivery.message) +
                                              " is still at it after " + format_duration(test_.patience));
  }
  settler_->settle_now();
  if (auto run = runs_.take()) return run;
  return Error(ErrorCode::kUnavailable,
               "job " + names_.id_text(job.delivery.message) + " was run and could not be settled: the log tells why");
}

bool TestWorker::Crew::finish_asynchronous(Duration patience) {
  constexpr Duration kLookAgain = std::chrono::milliseconds(1);
  const SteadyTime until = deadline_after(real_clock(), patience);
  while (!runner_->wait_for_asynchronous(test_.while_waiting ? kLookAgain : patience)) {
    if (real_clock().steady() >= until) return false;
    if (test_.while_waiting) test_.while_waiting();
  }
  return true;
}

Result<std::vector<EnqueuedJob>> TestWorker::Crew::enqueued(const EnqueuedFilter& filter) {
  if (auto named = names_.check(); !named) return named.error();
  std::set<std::pair<std::string, std::uint64_t>> held;
  ledger_.for_each_unsettled(
      [&](const HeldJob& job) { held.emplace(job.served().stream, job.delivery.message.sequence); });
  const auto is_held = [&](const std::string& stream, std::uint64_t sequence) {
    return held.contains({stream, sequence});
  };
  return EnqueuedJobs(broker_, names_, is_held).read(filter);
}

TestWorker::TestWorker(Broker& broker, TestOptions options)
    : crew_(std::make_unique<Crew>(&broker, std::move(options))) {}
TestWorker::TestWorker(OwnBroker /*own*/, TestOptions options)
    : crew_(std::make_unique<Crew>(nullptr, std::move(options))) {}
TestWorker::~TestWorker() = default;

TestWorker& TestWorker::handle(std::string_view kind, Handler handler, HandlerOptions options) {
  crew_->rules().add(kind, {.blocking = std::move(handler), .options = std::move(options)});
  return *this;
}

TestWorker& TestWorker::handle_async(std::string_view kind, AsyncHandler handler, HandlerOptions options) {
  crew_->rules().add(kind, {.asynchronous = std::move(handler), .options = std::move(options)});
  return *this;
}

Result<JobRun> TestWorker::run_one(std::string_view queue) {
  auto run = crew_->run_next(queue);
  if (!run) return run.error();
  return *run ? Result<JobRun>(std::move(**run)) : nothing_due(queue);
}

Result<Drained> TestWorker::drain(const DrainOptions& options) {
  Drained drained;
  while (true) {
    auto run = crew_->run_next(options.queue);
    if (!run) return run.error();
    if (!*run) return drained;
    if (drained.runs.size() == options.max_runs) {
      return Error(ErrorCode::kFull, "drain() has run more than " + std::to_string(options.max_runs) +
                                         " jobs: does one push itself without end? The last was " + to_string(**run));
    }
    count(drained, (*run)->then);
    drained.runs.push_back(std::move(**run));
  }
}

Result<std::vector<EnqueuedJob>> TestWorker::enqueued(const EnqueuedFilter& filter) {
  return crew_->enqueued(filter);
}

Error TestWorker::not_one(std::string_view kind, const EnqueuedFilter& filter, std::size_t count) {
  std::string text = std::to_string(count) + " jobs of kind " + std::string(kind) + " wait";
  if (!filter.queue.empty()) text += " in queue " + filter.queue;
  text += ", not 1; all that wait:";
  const auto all = enqueued(EnqueuedFilter{});
  if (all && all->empty()) text += " none";
  for (const EnqueuedJob& job : all.value_or(std::vector<EnqueuedJob>{})) text += " " + job.kind + " " + job.id.str();
  return {count == 0 ? ErrorCode::kNotFound : ErrorCode::kConflict, std::move(text)};
}

Broker& TestWorker::broker() {
  return crew_->broker();
}
ManualClock& TestWorker::own_clock() {
  return crew_->clock();
}

}  // namespace leat
