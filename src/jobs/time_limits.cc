#include "jobs/time_limits.h"

#include "core/text.h"

namespace leat {
namespace {

constexpr Duration kLongestSleep = std::chrono::hours(1);

}  // namespace

void TimeLimits::start() {
  thread_ = start_thread("time-limits", [this](const std::stop_token& stop) { run(stop); });
}

void TimeLimits::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::optional<TimeLimits::Watch> TimeLimits::watch(const HeldJob& job, std::optional<Duration> timeout,
                                                   std::optional<SystemTime> deadline) {
  if (!timeout && !deadline) return std::nullopt;
  Desk* desk = job.desk;
  Watch watch{.due = SteadyTime::max(), .desk = desk, .run = desk->run_of(job)};
  if (timeout) {
    watch.due = deadline_after(parts_.clock, *timeout);
    watch.reason = StopReason::kTimeout;
  }
  if (deadline) {
    const SteadyTime due = deadline_after(parts_.clock, std::max(*deadline - parts_.clock.now(), Duration{0}));
    if (due < watch.due) {
      watch.due = due;
      watch.reason = StopReason::kDeadline;
    }
  }
  add(watch);
  return watch;
}

void TimeLimits::add(const Watch& watch) {
  MutexLock lock(mutex_);
  const bool first = watches_.empty() || watch < *watches_.begin();
  watches_.insert(watch);
  if (first) changed_.notify_all();
}

void TimeLimits::forget(const Watch& watch) {
  MutexLock lock(mutex_);
  watches_.erase(watch);
}

void TimeLimits::stopped(Desk& desk, Desk::RunId run) {
  add({.due = deadline_after(parts_.clock, parts_.stuck_after),
       .desk = &desk,
       .run = run,
       .patience = parts_.stuck_after});
}

void TimeLimits::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    fire_due();
    wait_for_due(stop);
  }
}

void TimeLimits::fire_due() {
  while (const auto due = take_due()) act(*due);
}

void TimeLimits::wait_for_due(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const SteadyTime now = parts_.clock.steady();
  const SteadyTime wake = watches_.empty() ? now + kLongestSleep : watches_.begin()->due;
  if (wake > now) parts_.clock.wait_until(changed_, mutex_, wake, stop);
}

std::optional<TimeLimits::Watch> TimeLimits::take_due() {
  MutexLock lock(mutex_);
  if (watches_.empty() || watches_.begin()->due > parts_.clock.steady()) return std::nullopt;
  Watch watch = *watches_.begin();
  watches_.erase(watches_.begin());
  return watch;
}

void TimeLimits::act(const Watch& watch) {
  if (watch.reason != StopReason::kNone) {
    watch.desk->stop_run(watch.run, watch.reason);  // which comes back here with stopped()
    return;
  }
  // Reported again and again, ever less often.
  Watch again = watch;
  again.patience *= 2;
  again.due = deadline_after(parts_.clock, again.patience);
  if (report(watch)) add(again);
}

// False when it has ended.
bool TimeLimits::report(const Watch& watch) {
  Duration age{};
  std::string id, kind;
  const bool runs = watch.desk->visit_run(watch.run, [&](const HeldJob& job, const Desk::RunFacts& facts) {
    age = parts_.clock.steady() - facts.began;
    id = parts_.names.id_text(job.delivery.message);
    kind = job.delivery.message.headers.get(wire::kKind).value_or("");
    parts_.meter.stuck(job);
  });
  if (!runs) return false;
  ++stuck_;
  parts_.log.error("handler is stuck: it goes on although its stop token has fired",
                   {{"job_id", id},
                    {"kind", kind},
                    {"running_for", format_duration(std::chrono::round<std::chrono::milliseconds>(age))},
                    {"worker", parts_.worker}});
  return true;
}

}  // namespace leat
