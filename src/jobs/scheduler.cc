#include "jobs/scheduler.h"

#include <algorithm>

#include "jobs/call_record.h"
#include "jobs/job_streams.h"
#include "jobs/result_record.h"

namespace leat {
namespace {

constexpr Duration kSweepEvery = std::chrono::minutes(10);
constexpr Duration kCallsKept = std::chrono::hours(24);
constexpr Duration kStartPause = std::chrono::milliseconds(250);  // before a failed start is repeated
constexpr std::chrono::milliseconds kReadWait(30'000);
constexpr std::size_t kWorthForgetting = 1000;           // entries of the timetable
constexpr std::size_t kMostWaiting = 10'000;             // in the inbox, before its readers wait
constexpr Duration kKeyPause = std::chrono::seconds(1);  // before a unique job is tried again

}  // namespace

struct Scheduler::Leading {
  Handoff& handoff;
  Timetable& timetable;
  Dependents& dependents;
  Ticker& ticker;
};

Scheduler::Scheduler(Parts parts, std::unique_ptr<KeyValue> leader_records, std::unique_ptr<KeyValue> schedules)
    : parts_(std::move(parts)),
      leader_records_(std::move(leader_records)),
      schedules_(std::move(schedules)),
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
  const auto leads = [] { return true; };
  Handoff handoff({parts_.broker, parts_.names, *leader_records_, parts_.events, parts_.log, leads});
  Ticker ticker({parts_.broker, parts_.names, *leader_records_, *schedules_, parts_.events, parts_.log, leads});
  const auto is_due = [this](std::optional<SystemTime> time) { return time && *time <= parts_.broker.clock().now(); };
  while (true) {
    const auto before = parts_.broker.admin().stream(parts_.names.scheduled_stream());
    if (!before) return before.error();
    Timetable timetable;
    Dependents dependents({parts_.broker, places_, parts_.endings, parts_.events, handoff, timetable, parts_.log});
    Leading leading{handoff, timetable, dependents, ticker};
    if (auto added = read_what_waits(leading); !added) return added;
    while (dependents.has_more()) {
      if (auto resolved = dependents.resolve(); !resolved) return resolved;
    }
    while (is_due(timetable.next())) {
      if (auto done = move_due(leading); !done) return done;
    }
    while (is_due(ticker.next())) {
      if (auto done = ticker.tick(); !done) return done;
    }
    const auto after = parts_.broker.admin().stream(parts_.names.scheduled_stream());
    if (!after) return after.error();
    if (after->messages >= before->messages) return {};
  }
}

Result<void> Scheduler::read_what_waits(Leading& leading) {
  auto reader = parts_.broker.open_reader({.stream = parts_.names.scheduled_stream(), .headers_only = true});
  if (!reader) return reader.error();
  Inbox inbox;
  auto schedules = schedules_->list("");
  if (!schedules) return schedules.error();
  inbox.schedules = std::move(*schedules);
  while (true) {
    auto messages = (*reader)->read({}, {});
    if (!messages) return messages.error();
    if (messages->empty()) return take_in(inbox, leading);
    std::move(messages->begin(), messages->end(), std::back_inserter(inbox.scheduled));
  }
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
    sleep_for(real_clock(), kStartPause, over.get_token());
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
  auto watch = schedules_->watch("");
  if (!watch) return watch.error();
  const auto still_leads = [this] { return lock_.is_held(); };
  Handoff handoff({parts_.broker, parts_.names, *leader_records_, parts_.events, parts_.log, still_leads});
  if (auto released = handoff.release_old_claim(); !released) return released;
  Ticker ticker({parts_.broker, parts_.names, *leader_records_, *schedules_, parts_.events, parts_.log, still_leads});
  if (auto released = ticker.release_old_claim(); !released) return released;
  {
    MutexLock lock(mutex_);
    inbox_ = {};
  }
  std::stop_source over;
  const std::stop_callback on_stop(stop, [&over] { over.request_stop(); });
  Thread done_thread = start_reader("done-reader", std::move(*done_reader), &Inbox::done, over.get_token());
  Thread scheduled_thread =
      start_reader("sched-reader", std::move(*scheduled_reader), &Inbox::scheduled, over.get_token());
  Thread schedules_thread = start_watch(std::move(*watch), over.get_token());
  Timetable timetable;
  Dependents dependents({parts_.broker, places_, parts_.endings, parts_.events, handoff, timetable, parts_.log});
  Leading leading{handoff, timetable, dependents, ticker};
  auto worked = work(leading, stop);
  over.request_stop();
  return worked;
}

Result<void> Scheduler::work(Leading& leading, const std::stop_token& stop) {
  Clock& clock = parts_.broker.clock();
  SteadyTime next_sweep = clock.steady() + kSweepEvery;
  while (!stop.stop_requested()) {
    const Inbox inbox = take(std::min(next_sweep, wake_for(leading)), stop);
    if (inbox.failure) return *inbox.failure;
    if (auto taken = take_in(inbox, leading); !taken) return taken;
    if (clock.steady() >= next_sweep) {
      if (auto swept = leading.dependents.sweep(); !swept) return swept;
      if (auto cleared = clear_old_calls(); !cleared) return cleared;
      (void)forget_gone(leading.timetable, stop);  // or at the next sweep
      next_sweep = clock.steady() + kSweepEvery;
    }
    if (stop.stop_requested()) return {};
    if (auto resolved = leading.dependents.resolve(); !resolved) return resolved;
    if (auto moved = move_due(leading); !moved) return moved;
    if (auto ticked = leading.ticker.tick(); !ticked) return ticked;
  }
  return {};
}

Result<void> Scheduler::take_in(const Inbox& inbox, Leading& leading) {
  for (const StoredMessage& message : inbox.scheduled) leading.timetable.add(message);
  leading.ticker.add(inbox.schedules);
  if (auto added = leading.dependents.add(inbox.scheduled); !added) return added;
  for (const StoredMessage& message : inbox.done) {
    const auto id = parts_.names.done_id(message.subject);
    const auto record = decode_result(message.payload);
    if (id && record) leading.dependents.ended(id->str(), *record);
  }
  return {};
}

// When to look at the clock again. Times of jobs are wall clock time, which may jump: so it is not slept for long.
SteadyTime Scheduler::wake_for(const Leading& leading) const {
  constexpr Duration kLongest = std::chrono::seconds(1);
  Clock& clock = parts_.broker.clock();
  if (leading.dependents.has_more()) return clock.steady();
  const auto next = leading.timetable.next();
  const auto tick = leading.ticker.next();
  if (!next && !tick) return SteadyTime::max();
  const SystemTime first = std::min(next.value_or(SystemTime::max()), tick.value_or(SystemTime::max()));
  return clock.steady() + std::clamp(first - clock.now(), Duration{0}, kLongest);
}

// One batch; what is left is due at once again.
Result<void> Scheduler::move_due(Leading& leading) {
  constexpr std::size_t kBytes = 8 << 20;
  Clock& clock = parts_.broker.clock();
  const auto at_most = [this](std::size_t most) { return std::clamp<std::size_t>(at_once_, 1, most); };
  const auto due =
      leading.timetable.take_due(clock.now(), at_most(Handoff::kMostAtOnce), at_most(Handoff::kMostInARow));
  if (due.empty()) return {};
  const auto moved = leading.handoff.move(due);
  if (!moved) return moved.error();
  const std::size_t each = std::max<std::size_t>(moved->bytes / due.size(), 1);
  at_once_ = std::min(kBytes / each, 2 * due.size() + 64);  // grows step by step: the next ones may be larger
  for (const std::uint64_t sequence : moved->kept) leading.timetable.add(clock.now() + kKeyPause, sequence);
  return {};
}

// Jobs that were given other times again and again, long before they are due, fill the timetable.
Result<void> Scheduler::forget_gone(Timetable& timetable, const std::stop_token& stop) {
  if (timetable.size() < kWorthForgetting) return {};
  const auto facts = parts_.broker.admin().stream(parts_.names.scheduled_stream());
  if (!facts) return facts.error();
  if (timetable.size() / 2 < facts->messages) return {};
  auto reader = parts_.broker.open_reader({.stream = parts_.names.scheduled_stream(), .headers_only = true});
  if (!reader) return reader.error();
  std::vector<std::uint64_t> left;
  while (true) {
    const auto messages = (*reader)->read({.max_count = 10'000}, stop);
    if (!messages) return messages.error();
    if (stop.stop_requested()) return {};
    if (messages->empty()) break;
    for (const StoredMessage& message : *messages) left.push_back(message.sequence);
  }
  timetable.keep_only(left);
  return {};
}

// Calls that were obeyed, or that nobody has obeyed for a day.
Result<void> Scheduler::clear_old_calls() {
  const auto control = open_control(parts_.broker, parts_.names);
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

Thread Scheduler::start_watch(std::unique_ptr<KeyWatch> watch, const std::stop_token& stop) {
  return start_thread("sched-watch", [this, stop, shared = std::shared_ptr(std::move(watch))](const std::stop_token&) {
    while (!stop.stop_requested()) {
      auto entries = shared->next(kReadWait, stop);
      MutexLock lock(mutex_);
      if (!entries) {
        inbox_.failure = entries.error();
        changed_.notify_all();
        return;
      }
      if (entries->empty()) continue;
      std::move(entries->begin(), entries->end(), std::back_inserter(inbox_.schedules));
      changed_.notify_all();
    }
  });
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
