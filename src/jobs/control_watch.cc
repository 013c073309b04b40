#include "jobs/control_watch.h"

#include <set>
#include <utility>

namespace leat {
namespace {

constexpr std::chrono::milliseconds kLongestWait(30'000);
constexpr std::chrono::milliseconds kForWhatIsThere(5'000);
constexpr Duration kLookPause = std::chrono::seconds(1);  // before a failed look is repeated

}  // namespace

Result<void> ControlWatch::start() {
  if (auto opened = open({}); !opened) return opened;
  thread_ = start_thread("control-watch", [this](const std::stop_token& stop) { run(stop); });
  return {};
}

void ControlWatch::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> ControlWatch::look() {
  watch_.reset();
  return open({});
}

bool ControlWatch::is_paused(const std::string& queue) const {
  MutexLock lock(mutex_);
  const auto known = pauses_.find(queue);
  return known != pauses_.end() && *known->second.flag;
}

bool ControlWatch::wait_until_resumed(const std::string& queue, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const Pause& pause = pauses_[queue];
  return changed_.wait(mutex_, stop, [&pause] { return !*pause.flag; });
}

std::stop_token ControlWatch::pause_token(const std::string& queue) {
  MutexLock lock(mutex_);
  return pauses_[queue].token.get_token();
}

std::shared_ptr<const std::atomic<bool>> ControlWatch::pause_flag(const std::string& queue) {
  MutexLock lock(mutex_);
  return pauses_[queue].flag;
}

// Opens the watch and reads what is there; from then on nothing is missed.
Result<void> ControlWatch::open(const std::stop_token& stop) {
  auto watch = control_->watch("");
  if (!watch) return watch.error();
  std::set<std::string> there;
  while (!(*watch)->caught_up() && !stop.stop_requested()) {
    const auto entries = (*watch)->next(kForWhatIsThere, stop);
    if (!entries) return entries.error();
    for (const KeyEntry& entry : *entries) {
      const auto queue = Names::paused_queue(entry.key);
      if (queue && entry.erased) there.erase(std::string(*queue));
      if (queue && !entry.erased) there.emplace(*queue);
      if (!queue) listener_(entry);
    }
  }
  watch_ = std::move(*watch);
  for (const std::string& queue : paused()) {
    if (!there.contains(queue)) resumed(queue);
  }
  for (const std::string& queue : there) held(queue);
  return {};
}

void ControlWatch::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Result<void> followed = watch_ == nullptr ? open(stop) : follow(stop);
    if (followed) continue;
    log_.warn("cannot see which queues are paused and which jobs cancelled; trying again",
              {{"error", followed.error().message()}});
    if (followed.error().code() == ErrorCode::kNotFound) watch_.reset();
    sleep_for(real_clock(), kLookPause, stop);
  }
  watch_.reset();
}

Result<void> ControlWatch::follow(const std::stop_token& stop) {
  const auto entries = watch_->next(kLongestWait, stop);
  if (!entries) return entries.error();
  for (const KeyEntry& entry : *entries) {
    const auto queue = Names::paused_queue(entry.key);
    if (!queue) {
      listener_(entry);
      continue;
    }
    entry.erased ? resumed(std::string(*queue)) : held(std::string(*queue));
  }
  return {};
}

std::vector<std::string> ControlWatch::paused() const {
  MutexLock lock(mutex_);
  std::vector<std::string> queues;
  for (const auto& [queue, pause] : pauses_) {
    if (*pause.flag) queues.push_back(queue);
  }
  return queues;
}

void ControlWatch::held(const std::string& queue) {
  std::stop_source token{std::nostopstate};
  {
    MutexLock lock(mutex_);
    const Pause& pause = pauses_[queue];
    if (pause.flag->exchange(true)) return;
    token = pause.token;
  }
  log_.info("queue is paused", {{"queue", queue}});
  token.request_stop();
}

void ControlWatch::resumed(const std::string& queue) {
  {
    MutexLock lock(mutex_);
    Pause& pause = pauses_[queue];
    if (!pause.flag->exchange(false)) return;
    pause.token = std::stop_source();
    changed_.notify_all();
  }
  log_.info("queue goes on", {{"queue", queue}});
}

}  // namespace leat
