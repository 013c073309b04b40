// Removes settled messages that came back.
//
// When a server before 2.10 is killed, messages of a work queue that were acknowledged can be in the stream again after
// its restart. No consumer is given them, but they block their subjects for appends that expect nothing there. All of
// them lie at or below the acknowledgement floor of the consumer that settled them.
#pragma once

#include <set>
#include <string>

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
  void on_reconnected() override;
  void run(const std::stop_token& stop);
  void sweep(const std::string& stream);

  Session& session_;
  Mutex mutex_;
  CondVar changed_;
  std::set<std::string> streams_ LEAT_GUARDED_BY(mutex_);
  bool reconnected_ LEAT_GUARDED_BY(mutex_) = false;
  Thread thread_;  // last: ends before what it uses
};

}  // namespace leat::jetstream
