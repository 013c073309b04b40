#include "tests/support/attempt_trial.h"

#include <algorithm>
#include <stdexcept>

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using WhenStopped = HandlerCalls::WhenStopped;

constexpr Duration kPatience = 60s;  // of the machine: all that is waited for comes at once, unless it is overloaded
constexpr Duration kRenewEvery = 100ms;  // where time passes by itself
constexpr int kMostRounds = 100;

const char* name_of(TrialEvent event) {
  switch (event) {
    case TrialEvent::kOutcomes: return "outcomes";
    case TrialEvent::kShutdown: return "shutdown";
    case TrialEvent::kStopNow: return "stop now";
    case TrialEvent::kCrash: return "crash";
    case TrialEvent::kUnsettled: return "unsettled";
    case TrialEvent::kLostLeases: return "lost leases";
  }
  return "?";
}

bool is_failure(Word word) {
  return word == Word::kThrow || word == Word::kRetry || word == Word::kRetryAfter;
}

}  // namespace

AttemptTrial::AttemptTrial(const TrialOptions& options)
    : options_(options), random_(options.seed), broker_(options.open()) {}

AttemptTrial::~AttemptTrial() {
  calls_.end();
  retired_.clear();
  live_.clear();
}

void AttemptTrial::fail(const std::string& why) {
  std::string state;
  for (const Job& job : jobs_) {
    const auto entry = log_.of(job.payload);
    state += "\n  job " + job.payload + ": " + std::to_string(job.model.attempts()) + " of " +
             std::to_string(job.model.max_attempts()) + " attempts, delivery " + std::to_string(entry.delivered) +
             ", settled " + std::to_string(entry.settled) + (entry.holder != nullptr ? ", in hand" : "") + " " +
             job.model.fate();
    if (const auto record = records_->get(job.id.str()).value()) state += " " + record->value;
  }
  throw std::runtime_error("seed " + std::to_string(options_.seed) + ": " + why + story_ + state);
}

void AttemptTrial::run(std::size_t events) {
  constexpr std::uint32_t kOthers = 5;
  std::vector<TrialEvent> random;
  for (std::size_t i = 0; i < events; ++i) {
    random.push_back(coin() ? TrialEvent::kOutcomes : static_cast<TrialEvent>(1 + pick(kOthers)));
  }
  run(random);
}

void AttemptTrial::run(const std::vector<TrialEvent>& events) {
  start_worker();
  records_ = broker_->open_bucket({.name = "leat_attempts"}).value();
  push();
  gather();
  for (const TrialEvent event : events) happen(event);
  finish();
  verify();
}

void AttemptTrial::push() {
  Queue queue(*broker_);
  for (std::size_t i = 0; i < options_.jobs; ++i) {
    const unsigned max_attempts = 1 + pick(5);
    const std::string payload = std::to_string(i);
    const PushOptions push{.result = KeepResult::kYes, .max_attempts = max_attempts};
    jobs_.push_back({payload, queue.push(EncodedJob{"trial", payload, {}}, push).value(), AttemptModel(max_attempts)});
  }
}

// With room for every job twice: also for those whose handlers go on although they have lost it.
void AttemptTrial::start_worker() {
  const std::string name = "w" + std::to_string(++workers_started_);
  story_ += "\n  starts " + name;
  const WorkerOptions options{.concurrency = 2 * static_cast<unsigned>(options_.jobs),
                              .retry = {.first = options_.delay, .factor = 1, .jitter = 0},
                              .ack_wait = options_.ack_wait,
                              .grace = 0ms,
                              .scheduler = false,
                              .name = name};
  live_.push_back(std::make_unique<DisturbedWorker>(
      options_.open(), log_, options, [this](JobContext& context, DisturbedWorker& worker) {
        if (worker.is_cut_off()) return Outcome::done();  // what does it matter
        return calls_.handle(context, &worker, log_.of(std::string(context.payload())).delivered);
      }));
}

// It gets no more jobs; its handlers may still be at it.
void AttemptTrial::retire(DisturbedWorker& worker) {
  const auto found = std::find_if(live_.begin(), live_.end(), [&](const auto& one) { return one.get() == &worker; });
  retired_.push_back(std::move(*found));
  live_.erase(found);
  if (live_.empty()) start_worker();
}

void AttemptTrial::bury_retired() {
  if (!retired_.empty()) advance(options_.ack_wait / 3);  // they learn that they have lost what they had
  calls_.release_discounted();
  retired_.clear();
  wait_for("those to return to whom nobody listens", [&] { return !calls_.any_discounted(); });
  calls_.forget_returned();
}

void AttemptTrial::wait_for(std::string_view what, const std::function<bool()>& happened) {
  const SteadyTime until = real_clock().steady() + kPatience;
  SteadyTime renew_at = real_clock().steady();
  while (true) {
    const bool has_happened = happened();
    for (Call* call : calls_.all()) check(*call);  // also those that made it happen
    if (has_happened) return;
    const SteadyTime now = real_clock().steady();
    if (now > until) fail("waited in vain for " + std::string(what));
    if (options_.clock == nullptr && now >= renew_at) {
      for (const auto& worker : live_) worker->view().renew_leases();
      renew_at = now + kRenewEvery;
    }
    leat::sleep_for(real_clock(), 1ms, {});
  }
}

void AttemptTrial::check(Call& call) {
  if (std::exchange(call.checked, true)) return;
  const AttemptModel& model = job_of(call).model;
  const std::string called = "job " + call.payload + " is called with attempt " + std::to_string(call.attempt);
  if (call.attempt != model.attempts() + 1) fail(called + ", not " + std::to_string(model.attempts() + 1));
  if (call.max_attempts != model.max_attempts()) fail(called + " of " + std::to_string(call.max_attempts));
  if (!model.may_begin() || model.is_over()) fail(called + ", and should not be");
  for (const Call* other : calls_.all()) {
    if (other != &call && other->payload == call.payload) fail(called + ", and is with another handler");
  }
}

std::optional<SteadyTime> AttemptTrial::next_look() const {
  const auto count = [](const auto& workers) {
    return std::count_if(workers.begin(), workers.end(), [](const auto& worker) { return worker->is_started(); });
  };
  return options_.clock->next_look(static_cast<std::size_t>(count(live_) + count(retired_)));
}

void AttemptTrial::advance(Duration by) {
  if (options_.clock == nullptr) return;
  const SteadyTime until = options_.clock->steady() + by;
  while (options_.clock->steady() < until) {
    std::optional<SteadyTime> look;
    wait_for("the lease keepers", [&] { return (look = next_look()).has_value(); });
    options_.clock->advance(std::min(*look, until) - options_.clock->steady());
  }
  wait_for("the lease keepers' last look", [&] { return next_look().has_value(); });
}

void AttemptTrial::gather() {
  wait_for("all jobs to be with their handlers", [&] {
    SteadyTime next = SteadyTime::max();
    if (is_gathered(next)) return true;
    if (next != SteadyTime::max()) advance(next - options_.clock->steady() + 1ms);
    return false;
  });
}

// And those that died without being settled to be buried. Else `next` is when the first job comes that nobody has,
// unless another one is on its way to its handler.
bool AttemptTrial::is_gathered(SteadyTime& next) {
  bool is_any_missing = false;
  bool is_any_on_its_way = false;
  const Calls calls = calls_.all();
  for (Job& job : jobs_) {
    const auto entry = log_.of(job.payload);
    if (entry.over && !job.model.is_over() && !job.model.may_begin()) job.model.is_found_exhausted();
    const auto is_called = [&](const Call* call) { return call->payload == job.payload; };
    if (job.model.is_over() ? entry.over : std::any_of(calls.begin(), calls.end(), is_called)) continue;
    is_any_missing = true;
    is_any_on_its_way = is_any_on_its_way || entry.holder != nullptr;
    if (entry.holder == nullptr) next = std::min(next, entry.available_at);
  }
  const bool has_come = options_.clock == nullptr || next <= options_.clock->steady();
  if (is_any_on_its_way || has_come) next = SteadyTime::max();
  return !is_any_missing;
}

void AttemptTrial::happen(TrialEvent event) {
  if (live_.size() == 1 && pick(3) == 0) {
    start_worker();
    gather();
  }
  DisturbedWorker& worker = *live_[pick(static_cast<std::uint32_t>(live_.size()))];
  story_ += "\n  " + std::string(name_of(event)) + " at " + worker.worker().name();
  for (const Call* call : calls_.on(&worker)) story_ += " " + call->payload;
  switch (event) {
    case TrialEvent::kOutcomes: hear_outcomes(worker); break;
    case TrialEvent::kShutdown: shut_down(worker); break;
    case TrialEvent::kStopNow: stop_now(worker); break;
    case TrialEvent::kCrash: crash(worker); break;
    case TrialEvent::kUnsettled: leave_unsettled(worker); break;
    case TrialEvent::kLostLeases: lose_leases(worker); break;
  }
  gather();
  bury_retired();
  gather();
}

AttemptTrial::Calls AttemptTrial::choose_words(const DisturbedWorker& worker, Duration delay,
                                               WhenStopped when_stopped) {
  using enum Word;
  constexpr Word kLikely[] = {kDone, kThrow, kRetry, kRetryAfter, kRetryAfter, kSnooze, kSnooze};
  Calls calls = calls_.on(&worker);
  for (Call* call : calls) {
    calls_.prepare(*call, pick(20) == 0 ? kDead : kLikely[pick(std::size(kLikely))], delay, when_stopped);
  }
  return calls;
}

void AttemptTrial::hear(const Calls& calls) {
  for (const Call* call : calls) {
    AttemptModel& model = job_of(*call).model;
    if (is_failure(call->word)) model.fails();
    if (call->word == Word::kDone) model.succeeds();
    if (call->word == Word::kDead) model.is_hopeless();
  }
}

void AttemptTrial::wait_for_settlements(const Calls& calls) {
  for (const Call* call : calls) {
    wait_for("the settlement of job " + call->payload, [&] {
      const auto entry = log_.of(call->payload);
      return entry.settled >= call->delivery && entry.over == job_of(*call).model.is_over();
    });
  }
}

AttemptRecord AttemptTrial::record_of(const Job& job) {
  const auto entry = records_->get(job.id.str()).value();
  return entry ? AttemptRecord::from_json(entry->value).value() : AttemptRecord{};
}

// Whoever has lost a job takes its mark back while nobody else can have it: the lease still runs.
void AttemptTrial::wait_for_no_marks(const Calls& calls) {
  for (const Call* call : calls) {
    wait_for("the start mark of job " + call->payload + " to be taken back", [&] {
      const auto started = record_of(job_of(*call)).started;
      return !started || started->delivery != call->delivery;
    });
  }
}

// Something goes wrong now and then, and costs nothing.
void AttemptTrial::disturb(DisturbedWorker& worker, DisturbedWorker::Trouble trouble) {
  worker.cause(trouble);
  story_ += " (trouble " + std::to_string(static_cast<int>(trouble)) + ")";
}

void AttemptTrial::hear_outcomes(DisturbedWorker& worker) {
  constexpr std::uint32_t kSeldom = 12;
  const auto any_trouble = [this] { return static_cast<DisturbedWorker::Trouble>(pick(DisturbedWorker::kTroubles)); };
  if (pick(kSeldom) == 0) disturb(worker, any_trouble());  // when they end
  const Calls calls = choose_words(worker, coin() ? options_.delay : Duration{0}, WhenStopped::kSaysIt);
  hear(calls);
  calls_.release(calls);
  wait_for_settlements(calls);
  if (pick(kSeldom) == 0) disturb(worker, any_trouble());  // when the next begin
}

// What looks like a failure is the interruption.
void AttemptTrial::shut_down(DisturbedWorker& worker) {
  const Calls calls = choose_words(worker, options_.delay, WhenStopped::kSaysIt);
  Calls heard = calls;
  std::erase_if(heard, [](const Call* call) { return is_failure(call->word); });
  hear(heard);
  if (coin()) start_worker();
  worker.stop();
  wait_for_settlements(calls);
  retire(worker);
}

void AttemptTrial::stop_now(DisturbedWorker& worker) {
  if (pick(3) == 0) disturb(worker, DisturbedWorker::Trouble::kWriteFails);
  const Calls calls = choose_words(worker, options_.delay, coin() ? WhenStopped::kSaysIt : WhenStopped::kGoesOn);
  calls_.discount(calls);
  if (coin()) start_worker();
  worker.worker().stop_now();
  wait_for_no_marks(calls);
  worker.view().forget_leases();
  log_.let_go(&worker.view(), broker_->clock().steady() + options_.ack_wait);
  retire(worker);
}

void AttemptTrial::cut_off(DisturbedWorker& worker) {
  if (coin()) start_worker();
  worker.cut_off();
  log_.let_go(&worker.view(), broker_->clock().steady() + options_.ack_wait);
  retire(worker);
}

void AttemptTrial::crash(DisturbedWorker& worker) {
  const Calls calls = choose_words(worker, options_.delay, coin() ? WhenStopped::kSaysIt : WhenStopped::kGoesOn);
  calls_.discount(calls);
  for (const Call* call : calls) job_of(*call).model.crashes(call->delivery > 1);
  cut_off(worker);
}

// What was stored counts: who has died is buried by the next worker, and not called again. The delivery that comes
// before the job is due goes back, and costs nothing.
void AttemptTrial::leave_unsettled(DisturbedWorker& worker) {
  worker.fail_settlements();
  const Calls calls = calls_.on(&worker);
  constexpr Word kWords[] = {Word::kDone, Word::kRetryAfter, Word::kSnooze, Word::kSnooze, Word::kDead};
  for (Call* call : calls) {
    const Word word = kWords[pick(std::size(kWords))];
    calls_.prepare(*call, word, options_.long_delay, WhenStopped::kSaysIt);
    if (word == Word::kRetryAfter) job_of(*call).model.fails();
    if (word == Word::kDead) job_of(*call).model.is_hopeless();
  }
  calls_.release(calls);
  for (const Call* call : calls) {
    wait_for("the record of job " + call->payload, [&] { return is_stored(*call); });
  }
  cut_off(worker);
}

bool AttemptTrial::is_stored(const Call& call) {
  const Job& job = job_of(call);
  const AttemptRecord record = record_of(job);
  if (record.started) return false;
  if (job.model.is_over()) return record.dead.has_value();
  if (call.word == Word::kDone) return Results(*broker_).get(job.id).value().has_value();
  if (call.word == Word::kRetryAfter) return record.attempts() == job.model.attempts();
  return record.due && *record.due > broker_->clock().now() + options_.ack_wait / 2;
}

void AttemptTrial::lose_leases(DisturbedWorker& worker) {
  advance(options_.ack_wait / 3);  // all are renewed now
  const Calls calls = choose_words(worker, options_.delay, coin() ? WhenStopped::kSaysIt : WhenStopped::kGoesOn);
  calls_.discount(calls);
  worker.set_renewals(static_cast<DisturbedWorker::Renewals>(1 + pick(3)));
  advance(options_.ack_wait * 2 / 3);
  wait_for("the leases to be lost", [&] { return calls_.are_stopped(calls); });
  wait_for_no_marks(calls);
  worker.view().forget_leases();
  log_.let_go(&worker.view(), broker_->clock().steady() + options_.ack_wait);
  worker.set_renewals(DisturbedWorker::Renewals::kWork);
  if (coin()) return;  // its handlers may go on while it gets the same jobs again
  calls_.release(calls);
  wait_for("the handlers to return", [&] { return calls_.have_returned(calls); });
}

void AttemptTrial::finish() {
  const auto all_over = [&] {
    return std::all_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.model.is_over(); });
  };
  for (int i = 0; i < kMostRounds && !all_over(); ++i) happen(TrialEvent::kOutcomes);
  if (!all_over()) fail("the jobs do not end");
}

void AttemptTrial::verify() {
  wait_for("the stream to be empty", [&] { return broker_->admin().stream("leat_medium").value().messages == 0; });
  const auto letters = DeadLetters(*broker_).list().value();
  for (const Job& job : jobs_) verify_end(job, letters);
}

void AttemptTrial::verify_end(const Job& job, const std::vector<DeadLetter>& letters) {
  const std::string name = "job " + job.payload;
  const bool is_done = job.model.fate() == "done";
  const auto result = Results(*broker_).get(job.id).value();
  if (!result) fail(name + " has no result");
  if (is_done != (result->state == JobResult::State::kDone)) fail(name + " has the wrong result");
  if (result->attempts != job.model.final_attempts()) {
    fail(name + " has a result that tells of " + std::to_string(result->attempts) + " attempts");
  }
  std::vector<DeadLetter> own;
  std::copy_if(letters.begin(), letters.end(), std::back_inserter(own),
               [&](const DeadLetter& letter) { return letter.payload == job.payload; });
  if (own.size() != (is_done ? 0U : 1U)) fail(name + " has left " + std::to_string(own.size()) + " dead letters");
  if (is_done) return;
  if (own.front().reason != job.model.fate()) fail(name + " died of " + own.front().reason);
  if (own.front().attempts != job.model.final_attempts()) {
    fail(name + " has a dead letter that tells of " + std::to_string(own.front().attempts) + " attempts");
  }
}

}  // namespace leat::test
