// A subscription that hands every message to a sink, on a thread of nats.c.
#pragma once

#include <memory>
#include <string>

#include "core/mutex.h"
#include "nats/connection.h"

namespace leat::nats {

// Called for one message at a time, in the order in which they came. Must be quick and must not throw.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual void on_message(Received message) = 0;
};

// Thread-safe. The connection and the sink must outlive it; no call is under way when the destructor returns.
class Subscription {
 public:
  // Errors: kUnavailable.
  static Result<std::unique_ptr<Subscription>> open(Connection& connection, const std::string& subject,
                                                    MessageSink& sink);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Ends it so that nothing is lost: whatever the server sent before it heard of this has reached the sink when this
  // returns. Waits for the server, 10 s at the most; not at all while the connection is lost.
  void drain();

 private:
  Subscription() = default;
  static void deliver(natsConnection*, natsSubscription*, natsMsg* message, void* closure);
  static void complete(void* closure);

  natsConnection* connection_ = nullptr;
  MessageSink* sink_ = nullptr;
  SubscriptionHandle handle_;
  Mutex mutex_;
  CondVar completed_changed_;
  bool completed_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat::nats
