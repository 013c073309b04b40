// Tells others that this worker lives and what it does: a record that ends by its ttl when nobody writes it any more.
//
// Written every 15 s; sooner, but not more often than each second, when a job says how far it is, and each 3 s when the
// worker's state changes. A worker that stops removes it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/thread.h"
#include "leat/inspector.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

class Heartbeat {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    std::string id;                    // the record's key
    std::function<WorkerInfo()> look;  // what to say now; called on the heartbeat's thread
  };

  Heartbeat(Parts parts, std::unique_ptr<KeyValue> workers) : parts_(std::move(parts)), workers_(std::move(workers)) {}

  // Writes the first record, from the calling thread.
  void begin();
  // Writes what has changed since, and goes on doing so.
  void start();
  // Removes the record.
  void stop();

 private:
  void run(const std::stop_token& stop);
  void look_and_write();
  bool is_news(const WorkerInfo& worker, Duration since) const;
  void write(const WorkerInfo& worker);

  Parts parts_;
  std::unique_ptr<KeyValue> workers_;
  // Of the thread.
  WorkerInfo said_;
  SteadyTime said_at_ = SteadyTime::min();
  bool failing_ = false;  // said once in the log
  Thread thread_;
};

}  // namespace leat
