#include "jobs/event_log.h"

#include <algorithm>
#include <utility>

#include "jobs/event_record.h"

namespace leat {
namespace {

constexpr Duration kLookEvery = std::chrono::seconds(10);
constexpr Duration kGather = std::chrono::milliseconds(20);  // makes batches
constexpr std::size_t kMostEvents = 1000;

}  // namespace

EventLog::~EventLog() {
  stop();
}

void EventLog::start() {
  if (thread_.joinable()) return;
  look();
  thread_ = start_thread("events", [this](const std::stop_token& stop) { run(stop); });
}

void EventLog::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

bool EventLog::look() {
  on_ = broker_.admin().stream(names_.event_stream()).has_value();
  look_again_ = deadline_after(real_clock(), kLookEvery).time_since_epoch().count();
  return on_;
}

bool EventLog::wanted() {
  if (real_clock().steady().time_since_epoch().count() >= look_again_.load(std::memory_order_relaxed)) {
    MutexLock lock(mutex_);
    look_ = true;
    changed_.notify_all();
  }
  return on_.load(std::memory_order_relaxed);
}

void EventLog::tell(JobEvent event) {
  if (event.at == SystemTime{}) event.at = broker_.clock().now();
  MutexLock lock(mutex_);
  if (waiting_.size() >= kMostWaiting) {
    ++dropped_;
    return;
  }
  waiting_.push_back(std::move(event));
  if (waiting_.size() == 1) changed_.notify_all();
}

// Stopped, it goes on until nothing is left, or an append fails.
void EventLog::run(const std::stop_token& stop) {
  while (true) {
    std::vector<JobEvent> events;
    bool look_now = false;
    {
      MutexLock lock(mutex_);
      changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return !waiting_.empty() || look_; });
      if (!stop.stop_requested() && waiting_.size() < kMostEvents) {
        wait_until(real_clock(), changed_, mutex_, deadline_after(real_clock(), kGather), stop,
                   [this]() LEAT_REQUIRES(mutex_) { return waiting_.size() >= kMostEvents; });
      }
      events.swap(waiting_);
      look_now = std::exchange(look_, false);
    }
    if (events.empty() && stop.stop_requested()) return;
    if (look_now) look();
    if (!events.empty()) append(std::move(events));
  }
}

void EventLog::append(std::vector<JobEvent> events) {
  std::uint64_t lost = 0;
  {
    MutexLock lock(mutex_);
    lost = std::exchange(dropped_, 0);
  }
  std::vector<AppendRequest> requests;
  for (std::size_t from = 0; from < events.size() && on_; from += kMostEvents) {
    requests.clear();
    for (std::size_t i = from; i < std::min(from + kMostEvents, events.size()); ++i) {
      requests.push_back(encode_event(names_, events[i]));
    }
    std::optional<Error> failure;
    for (const auto& appended : broker_.append(names_.event_stream(), requests)) {
      if (appended) continue;
      ++lost;
      failure = appended.error();
    }
    if (!failure) continue;
    if (failure->code() == ErrorCode::kNotFound) on_ = false;
    lost += events.size() - std::min(from + kMostEvents, events.size());
    break;  // the broker is in trouble: the rest would only make those wait who stop
  }
  if (lost > 0 && on_) log_.warn("events were lost", {{"events", lost}});
}

void EventLog::tell_now(Broker& broker, const Names& names, std::vector<JobEvent> events) {
  if (events.empty() || !broker.admin().stream(names.event_stream())) return;
  std::vector<AppendRequest> requests;
  requests.reserve(events.size());
  for (JobEvent& event : events) {
    event.at = broker.clock().now();
    requests.push_back(encode_event(names, event));
  }
  (void)broker.append(names.event_stream(), requests);
}

}  // namespace leat
