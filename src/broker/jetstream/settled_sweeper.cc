#include "broker/jetstream/settled_sweeper.h"

#include <algorithm>

#include "broker/jetstream/remover.h"

namespace leat::jetstream {
namespace {

constexpr Duration kFirstPause = std::chrono::seconds(1);
constexpr Duration kLongestPause = std::chrono::minutes(1);

bool messages_come_back(const ServerLevel& level) {
  return level.before(2, 10);
}

}  // namespace

SettledSweeper::SettledSweeper(Session& session) : session_(session) {
  session_.control().add(*this);
  thread_ = start_thread("js-sweeper", [this](std::stop_token stop) { run(stop); });
}

SettledSweeper::~SettledSweeper() {
  session_.control().remove(*this);
  thread_.request_stop();
  thread_.join();
}

void SettledSweeper::add(const std::string& stream) {
  if (!messages_come_back(session_.level())) {
    MutexLock lock(mutex_);
    streams_.emplace(stream, Stream{.looked_at = true});
    return;
  }
  {
    MutexLock lock(mutex_);
    if (!streams_.emplace(stream, Stream{}).second) return;
  }
  sweep(stream);
  MutexLock lock(mutex_);
  changed_.notify_all();
}

void SettledSweeper::on_reconnected() {
  MutexLock lock(mutex_);
  reconnected_ = true;
  for (auto& [name, stream] : streams_) stream = {};
  changed_.notify_all();
}

bool SettledSweeper::is_open() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& entry) { return !entry.second.looked_at || !entry.second.behind.empty(); });
}

void SettledSweeper::run(const std::stop_token& stop) {
  Duration pause = kFirstPause;
  while (true) {
    bool reconnected = false;
    {
      MutexLock lock(mutex_);
      if (!changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return is_open(); })) return;
      const SteadyTime next = deadline_after(session_.clock(), pause);
      wait_until(session_.clock(), changed_, mutex_, next, stop,
                 [this]() LEAT_REQUIRES(mutex_) { return reconnected_; });
      if (stop.stop_requested()) return;
      reconnected = std::exchange(reconnected_, false);
    }
    pause = reconnected ? kFirstPause : std::min(2 * pause, kLongestPause);
    if (reconnected) session_.refresh_level();
    sweep_all(stop);
  }
}

void SettledSweeper::sweep_all(const std::stop_token& stop) {
  std::vector<std::string> open;
  {
    MutexLock lock(mutex_);
    const bool needed = messages_come_back(session_.level());
    for (auto& [name, stream] : streams_) {
      if (!needed) stream = {.looked_at = true};
      if (!stream.looked_at || !stream.behind.empty()) open.push_back(name);
    }
  }
  for (const std::string& name : open) {
    if (stop.stop_requested()) return;
    sweep(name);
  }
}

void SettledSweeper::sweep(const std::string& name) {
  const auto floors = ack_floors(session_, name);
  if (!floors) {
    MutexLock lock(mutex_);
    if (floors.error().code() == ErrorCode::kNotFound) streams_.erase(name);
    session_.log().warn("settled messages not swept", {{"stream", name}, {"reason", floors.error().message()}});
    return;
  }
  Stream before;
  {
    MutexLock lock(mutex_);
    before = streams_[name];
  }
  Stream after{.looked_at = true};
  for (const AckFloor& floor : *floors) {
    const auto known = before.behind.find(floor.consumer);
    if (before.looked_at && known == before.behind.end()) continue;
    const std::uint64_t reached = before.looked_at ? known->second : floor.delivered_up_to;
    const auto removed = remove_up_to(name, floor);
    if (!removed) {
      session_.log().warn("settled messages not swept", {{"stream", name}, {"reason", removed.error().message()}});
    }
    const bool passed = floor.stream_sequence >= reached || floor.unsettled == 0;
    if (!removed || !passed) after.behind.emplace(floor.consumer, reached);
  }
  MutexLock lock(mutex_);
  if (!reconnected_) streams_[name] = std::move(after);
}

Result<void> SettledSweeper::remove_up_to(const std::string& stream, const AckFloor& floor) {
  if (floor.stream_sequence == 0) return {};
  const auto removed = remove_each(session_, stream, floor.filter, floor.stream_sequence);
  if (!removed) return removed.error();
  if (*removed > 0) {
    session_.log().info("settled messages that came back are removed",
                        {{"stream", stream}, {"filter", floor.filter}, {"count", *removed}});
  }
  return {};
}

}  // namespace leat::jetstream
