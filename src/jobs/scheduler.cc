#include "jobs/scheduler.h"

#include "jobs/call_record.h"
#include "jobs/job_streams.h"
#include "jobs/result_record.h"

namespace leat {
namespace {

constexpr Duration kSweepEvery = std::chrono::minutes(10);
constexpr Duration kCallsKept = std::chrono::hours(24);
constexpr Duration kPause = std::chrono::seconds(1);  // before a failed start is repeated
constexpr std::chrono::milliseconds kReadWait(30'000);
constexpr std::size_t kMostWaiting = 50'000;  // in the inbox, before its readers wait

}  // namespace

Scheduler::Scheduler(Parts parts, std::unique_ptr<KeyValue> leader_records)
    : parts_(std::move(parts)),
      leader_records_(std::move(leader_records)),
      lock_({*leader_records_, parts_.broker.clock(), "scheduler", parts_.holder, parts_.leader_ttl, parts_.log}),
      places_(parts_.broker, parts_.names) {}

void Scheduler::start() {
  lock_.start();
  thread_ = start_thread("scheduler", [this](const std::stop_token& stop) { run(stop); });
}

// What is begun is brought to its end before another one may lead.
void Scheduler::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  lock_.stop();
}

// A digest made anew knows from the done records what has become so far; a cancelled job may make others ready.
Result<void> Scheduler::move_ready() {
  Handoff handoff({parts_.broker, parts_.names, *leader_records_, parts_.endings, parts_.log, [] { return true; }});
  for (bool moved = true; moved;) {
    Dependents dependents({parts_.broker, places_, parts_.endings, handoff, parts_.log});
    auto reader = parts_.broker.open_reader({.stream = parts_.names.scheduled_stream(), .headers_only = true});
    if (!reader) return reader.error();
    while (true) {
      const auto messages = (*reader)->read({}, {});
      if (!messages) return messages.error();
      if (messages->empty()) break;
      if (auto added = dependents.add(*messages); !added) return added;
    }
    const std::size_t waiting = dependents.waiting();
    if (auto resolved = dependents.resolve(); !resolved) return resolved;
    moved = dependents.waiting() < waiting;
  }
  return {};
}

void Scheduler::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::stop_token lost = lock_.wait_until_held(stop);
    if (stop.stop_requested()) return;
    std::stop_source over;
    const auto end = [&over] { over.request_stop(); };
    const std::stop_callback on_stop(stop, end);
    const std::stop_callback on_loss(lost, end);
    const auto led = lead(over.get_token());
    if (led || over.stop_requested()) continue;
    parts_.log.warn("the scheduler starts anew", {{"error", led.error().message()}});
    sleep_for(real_clock(), kPause, over.get_token());
  }
}

// From the end of the done records on they are followed; then what waits is read, and of its parents what has become so
// far: so none is missed.
Result<void> Scheduler::lead(const std::stop_token& stop) {
  const auto done = parts_.broker.admin().stream(parts_.names.done_stream());
  if (!done) return done.error();
  auto done_reader = parts_.broker.open_reader(
      {.stream = parts_.names.done_stream(), .from_sequence = done->last_sequence + 1, .follow = true});
  if (!done_reader) return done_reader.error();
  auto scheduled_reader =
      parts_.broker.open_reader({.stream = parts_.names.scheduled_stream(), .headers_only = true, .follow = true});
  if (!scheduled_reader) return scheduled_reader.error();
  {
    MutexLock lock(mutex_);
    inbox_ = {};
  }
  std::stop_source over;
  const std::stop_callback on_stop(stop, [&over] { over.request_stop(); });
  Thread done_thread = start_reader("done-reader", std::move(*done_reader), &Inbox::done, over.get_token());
  Thread scheduled_thread =
      start_reader("sched-reader", std::move(*scheduled_reader), &Inbox::scheduled, over.get_token());
  Handoff handoff(
      {parts_.broker, parts_.names, *leader_records_, parts_.endings, parts_.log, [this] { return lock_.is_held(); }});
  Dependents dependents({parts_.broker, places_, parts_.endings, handoff, parts_.log});
  auto worked = work(dependents, stop);
  over.request_stop();
  return worked;
}

Result<void> Scheduler::work(Dependents& dependents, const std::stop_token& stop) {
  Clock& clock = parts_.broker.clock();
  SteadyTime next_sweep = clock.steady() + kSweepEvery;
  while (!stop.stop_requested()) {
    const Inbox inbox = take(next_sweep, stop);
    if (inbox.failure) return *inbox.failure;
    if (auto added = dependents.add(inbox.scheduled); !added) return added;
    for (const StoredMessage& message : inbox.done) {
      const auto id = parts_.names.done_id(message.subject);
      const auto record = decode_result(message.payload);
      if (id && record) dependents.ended(id->str(), record->state);
    }
    if (clock.steady() >= next_sweep) {
      if (auto swept = dependents.sweep(); !swept) return swept;
      if (auto cleared = clear_old_calls(); !cleared) return cleared;
      next_sweep = clock.steady() + kSweepEvery;
    }
    if (auto resolved = dependents.resolve(); !resolved) return resolved;
  }
  return {};
}

// Calls that were obeyed, or that nobody has obeyed for a day.
Result<void> Scheduler::clear_old_calls() {
  const auto control = open_control(parts_.broker, parts_.names, 1);
  if (!control) return control.error();
  std::vector<KeyWrite> erasures;
  for (const std::string_view prefix : {Names::kCancelPrefix, Names::kAskPrefix}) {
    const auto calls = (*control)->list(prefix);
    if (!calls) return calls.error();
    for (const KeyEntry& entry : *calls) {
      const auto call = CallRecord::from_json(entry.value);
      if (call && !call->over && parts_.broker.clock().now() - entry.time < kCallsKept) continue;
      erasures.push_back({.kind = KeyWrite::Kind::kErase, .key = entry.key, .value = {}, .revision = entry.revision});
    }
  }
  (void)(*control)->write(erasures);  // what was written meanwhile stays
  return {};
}

Thread Scheduler::start_reader(const char* name, std::unique_ptr<Reader> reader,
                               std::vector<StoredMessage> Inbox::*into, const std::stop_token& stop) {
  return start_thread(name, [this, stop, into, shared = std::shared_ptr(std::move(reader))](const std::stop_token&) {
    while (!stop.stop_requested()) {
      auto messages = shared->read({.max_count = 1000, .max_wait = kReadWait}, stop);
      MutexLock lock(mutex_);
      if (!messages) {
        inbox_.failure = messages.error();
        changed_.notify_all();
        return;
      }
      std::move(messages->begin(), messages->end(), std::back_inserter(inbox_.*into));
      changed_.notify_all();
      changed_.wait(mutex_, stop, [&]() LEAT_REQUIRES(mutex_) { return (inbox_.*into).size() < kMostWaiting; });
    }
  });
}

Scheduler::Inbox Scheduler::take(SteadyTime until, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  wait_until(parts_.broker.clock(), changed_, mutex_, until, stop,
             [this]() LEAT_REQUIRES(mutex_) { return !inbox_.empty(); });
  changed_.notify_all();
  return std::exchange(inbox_, {});
}

}  // namespace leat
