#include "nats/subscription.h"

#include <utility>

#include "core/thread.h"

namespace leat::nats {
namespace {
constexpr std::int64_t kDrainTime = 10'000;  // ms; what is not here by then stays leased to nobody
}

Result<std::unique_ptr<Subscription>> Subscription::open(Connection& connection, const std::string& subject,
                                                         MessageSink& sink) {
  std::unique_ptr<Subscription> subscription(new Subscription);
  subscription->connection_ = connection.handle();
  subscription->sink_ = &sink;
  natsSubscription* raw = nullptr;
  const natsStatus status =
      natsConnection_Subscribe(&raw, connection.handle(), subject.c_str(), deliver, subscription.get());
  if (status != NATS_OK) {
    return Error(ErrorCode::kUnavailable, "cannot subscribe to " + subject + ": " + natsStatus_GetText(status));
  }
  subscription->handle_.reset(raw);
  // What is pulled is limited by the pull; nats.c must not drop anything on its own.
  (void)natsSubscription_SetPendingLimits(raw, -1, -1);
  if (natsSubscription_SetOnCompleteCB(raw, complete, subscription.get()) != NATS_OK) complete(subscription.get());
  return subscription;
}

Subscription::~Subscription() {
  if (handle_ == nullptr) return;
  (void)natsSubscription_Unsubscribe(handle_.get());
  MutexLock lock(mutex_);
  completed_changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return completed_; });
}

void Subscription::drain() {
  if (natsConnection_Status(connection_) != NATS_CONN_STATUS_CONNECTED) return;  // the server has forgotten it already
  if (natsSubscription_DrainTimeout(handle_.get(), kDrainTime) != NATS_OK) return;
  (void)natsSubscription_WaitForDrainCompletion(handle_.get(), kDrainTime);
}

// The thread is the subscription's own; the reader of the socket wakes it for each message that finds it idle.
void Subscription::deliver(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  thread_local bool is_batch_thread = false;
  if (!std::exchange(is_batch_thread, true)) become_batch_thread();
  static_cast<Subscription*>(closure)->sink_->on_message(Received(message));
}

void Subscription::complete(void* closure) {
  auto* self = static_cast<Subscription*>(closure);
  MutexLock lock(self->mutex_);
  self->completed_ = true;
  self->completed_changed_.notify_all();
}

}  // namespace leat::nats
