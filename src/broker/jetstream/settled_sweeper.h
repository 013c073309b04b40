// Removes settled messages that came back.
//
// When a server before 2.10 is killed, messages of a work queue that were acknowledged can be in the stream again after
// its restart. No consumer is given them, but they block their subjects for appends that expect nothing there. All of
// them were delivered before, so they lie at or below the acknowledgement floor of the consumer that settled them once
// that has passed what had been delivered: until then the sweep is repeated, less and less often.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "broker/jetstream/admin.h"
#include "broker/jetstream/session.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "nats/connection.h"

namespace leat::jetstream {

// Thread-safe. Sweeps the streams that it was told of when they are added and after each reconnect; asks the server
// for its version then, too. The session must outlive it.
class SettledSweeper : private nats::ConnectionListener {
 public:
  explicit SettledSweeper(Session& session);
  ~SettledSweeper() override;

  void add(const std::string& stream);

 private:
  // How far consumers had been delivered to when their stream was first looked at: those whose floor is below that.
  using Behind = std::map<std::string, std::uint64_t>;
  struct Stream {
    bool looked_at = false;  // since the last reconnect
    Behind behind{};
  };

  void on_reconnected() override;
  void run(const std::stop_token& stop);
  void sweep_all(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  void sweep(const std::string& name) LEAT_EXCLUDES(mutex_);
  Result<void> remove_up_to(const std::string& stream, const AckFloor& floor);
  bool is_open() const LEAT_REQUIRES(mutex_);

  Session& session_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Stream> streams_ LEAT_GUARDED_BY(mutex_);
  bool reconnected_ LEAT_GUARDED_BY(mutex_) = false;
  Thread thread_;  // last: ends before what it uses
};

}  // namespace leat::jetstream
