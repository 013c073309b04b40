#include "broker/jetstream/settled_sweeper.h"

#include "broker/jetstream/admin.h"
#include "broker/jetstream/remover.h"

namespace leat::jetstream {
namespace {

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
  {
    MutexLock lock(mutex_);
    if (!streams_.insert(stream).second) return;
  }
  if (messages_come_back(session_.level())) sweep(stream);
}

void SettledSweeper::on_reconnected() {
  MutexLock lock(mutex_);
  reconnected_ = true;
  changed_.notify_all();
}

void SettledSweeper::run(const std::stop_token& stop) {
  while (true) {
    std::set<std::string> streams;
    {
      MutexLock lock(mutex_);
      if (!changed_.wait(mutex_, stop, [this]() LEAT_REQUIRES(mutex_) { return reconnected_; })) return;
      reconnected_ = false;
      streams = streams_;
    }
    session_.refresh_level();
    if (!messages_come_back(session_.level())) continue;
    for (const std::string& stream : streams) {
      if (stop.stop_requested()) return;
      sweep(stream);
    }
  }
}

void SettledSweeper::sweep(const std::string& stream) {
  const auto floors = ack_floors(session_, stream);
  if (!floors) {
    session_.log().warn("settled messages not swept", {{"stream", stream}, {"reason", floors.error().message()}});
    return;
  }
  for (const AckFloor& floor : *floors) {
    if (floor.stream_sequence == 0) continue;
    const auto removed = remove_each(session_, stream, floor.filter, floor.stream_sequence);
    if (!removed) {
      session_.log().warn("settled messages not swept", {{"stream", stream}, {"reason", removed.error().message()}});
    } else if (*removed > 0) {
      session_.log().info("settled messages that came back are removed",
                          {{"stream", stream}, {"filter", floor.filter}, {"count", *removed}});
    }
  }
}

}  // namespace leat::jetstream
