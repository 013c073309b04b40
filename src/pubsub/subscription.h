// A subscriber's parts, put together; what ReceivedMessage and Subscriber stand on.
//
// The fetchers bring messages into the buffer, callbacks and next() take them out, verdicts go to the settler, and the
// lease keeper watches over all that is in hand. It ends in stages: nothing more is fetched, what waits goes back,
// callbacks return, the settler sends what is left.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/gate.h"
#include "leat/subscriber.h"
#include "pubsub/message_fetcher.h"
#include "pubsub/message_lease_keeper.h"
#include "pubsub/message_settler.h"

namespace leat {

// Thread-safe. Held by its subscriber and by each batch of messages; all threads have ended when the subscriber lets
// go.
class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  Subscription(Broker& broker, SubscriberOptions options);

  Result<void> start() LEAT_EXCLUDES(starting_);
  Result<void> run(const Subscriber::Callback& callback, const std::stop_token& stop, unsigned concurrency);
  Result<std::optional<ReceivedMessage>> next(std::chrono::milliseconds max_wait, const std::stop_token& stop);
  void request_stop();
  void stop() LEAT_EXCLUDES(starting_);
  bool stopped() const { return buffer_.closed(); }
  std::optional<Error> error() const { return buffer_.error(); }

  const SubscriberOptions& options() const { return options_; }

  // For ReceivedMessage: ends its turn.
  void done(HeldMessage& message);
  void come_again(HeldMessage& message, std::optional<Duration> delay);
  void give_up(HeldMessage& message, std::string reason);
  Result<void> done_confirmed(HeldMessage& message);
  Result<void> extend(HeldMessage& message);

  void forget(MessageBatch& batch) { ledger_.remove(batch); }

 private:
  Result<void> open_sources() LEAT_REQUIRES(starting_);
  Result<void> open_source(std::string name, const std::string& filter);
  void start_threads();
  void take_in(MessageSource& source, std::vector<Delivery> deliveries);
  void end(std::optional<Error> error);
  void give_back_waiting(const MessageSource& source);
  void give_back_unbegun(std::span<HeldMessage* const> messages);
  void give_back(HeldMessage& message);
  bool take(std::vector<HeldMessage*>& taken, std::size_t most, SteadyTime deadline, const std::stop_token& stop);
  bool drop_if_lost(HeldMessage& message);
  void handle_messages(const Subscriber::Callback& callback, std::size_t most);
  void call(const Subscriber::Callback& callback, HeldMessage& message);
  bool is_used_up(std::uint32_t deliveries) const;
  void settle(HeldMessage& message, Verdict verdict, Duration delay);

  Broker& broker_;
  const SubscriberOptions options_;
  Log& log_;

  std::vector<std::unique_ptr<MessageSource>> sources_;
  MessageLedger ledger_;
  MessageBuffer buffer_;
  MessageSettler settler_;
  MessageLeaseKeeper keeper_;
  std::vector<std::unique_ptr<MessageFetcher>> fetchers_;
  std::stop_source fetching_;
  std::atomic<bool> running_{false};  // the threads are there

  Gate runs_;
  Mutex starting_;  // held by start() and stop()
  bool ended_ LEAT_GUARDED_BY(starting_) = false;
};

}  // namespace leat
