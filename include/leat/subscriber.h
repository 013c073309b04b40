// Receives the messages of a stream, for one durable subscription.
//
//   leat::Subscriber subscriber{*broker, {.stream = "orders", .name = "mailer", .filters = {"orders.*.created"}}};
//   subscriber.run([](leat::ReceivedMessage message) { send_mail(message.payload()); message.ack(); }, stop).value();
//
// Subscribers with the same name, in one program or in many, share its messages; each name gets all of them. Delivery
// is at least once: what gets no verdict in time comes again.
#pragma once

#include <chrono>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "leat/broker.h"
#include "leat/log.h"
#include "leat/publisher.h"
#include "leat/received_message.h"
#include "leat/result.h"
#include "leat/retry_policy.h"

namespace leat {

// Where a new subscription begins; one that exists goes on where it was.
class StartAt {
 public:
  static StartAt all() { return {1, std::nullopt}; }
  static StartAt new_only() { return {std::nullopt, std::nullopt}; }
  static StartAt sequence(std::uint64_t first) { return {first, std::nullopt}; }
  static StartAt time(SystemTime first) { return {std::nullopt, first}; }  // what was stored at or after it

  const std::optional<std::uint64_t>& from_sequence() const { return from_sequence_; }
  const std::optional<SystemTime>& from_time() const { return from_time_; }

 private:
  StartAt(std::optional<std::uint64_t> sequence, std::optional<SystemTime> time)
      : from_sequence_(sequence), from_time_(time) {}

  std::optional<std::uint64_t> from_sequence_;
  std::optional<SystemTime> from_time_;
};

// A message that was given up: by term(), or because it was delivered max_deliver times.
struct GivenUpMessage {
  const StoredMessage& message;
  std::string_view reason;
  std::uint32_t deliveries;
};

struct SubscriberOptions {
  std::string stream;  // must be there: Publisher::open(), Broker::ensure_stream()
  std::string name;    // of the durable subscription; letters, digits, `_` and `-`
  // What is received; `*` stands for one token, a last `>` for one or more. They must not overlap. One filter is one
  // subscription of the broker, called `name`; of several each is one, called `name-` and a hash of the filter, and the
  // order between them is not kept.
  std::vector<std::string> filters{">"};
  StartAt start = StartAt::all();
  Duration ack_wait = std::chrono::seconds(30);  // how long a lease lasts, when the subscription is made; 10 ms or more
  // After so many deliveries a message is given up (as by term()) instead of coming again. What a stopped subscriber
  // gave back, and one that died had in hand, counts as delivered. 0: never.
  std::uint32_t max_deliver = 0;
  // When a message comes again that was given back or dropped; counted by deliveries. Unless given, at once.
  std::optional<RetryPolicy> backoff{};
  // Messages that are leased and wait here for a callback or for next(): more is faster, fewer leave more for other
  // subscribers of the same name. 1 to 10,000.
  std::size_t buffer = 100;

  // Messages for which this returns the same key are handled one after the other, in their order; keys in parallel.
  // Empty keys have no order. Called once per message, on a thread of the subscriber; must not throw. What is given
  // back does not go to the broker then: it waits here, with its key's later ones behind it, and they count for the
  // buffer. Holds for the messages that this object receives: give each subscription to one of them.
  std::function<std::string(const StoredMessage&)> key{};

  // Gets what was given up, before it is: a message of which that cannot be stored is not given up, and comes again.
  // Under `dead_subject`, with headers that tell where it comes from (docs/guide/pubsub.md). Borrowed.
  Publisher* dead_letters = nullptr;
  std::string dead_subject = "dead";
  std::function<void(const GivenUpMessage&)> on_given_up{};  // on a thread of the subscriber; must not throw

  // Told of what goes wrong and heals by itself, such as a lost connection; on a thread of the subscriber; must
  // not throw.
  std::function<void(const Error&)> on_trouble{};
  Log* log = nullptr;  // borrowed; nothing but drift is told unless given (leat/log.h)
};

// By the value of a header; messages without it have no order.
std::function<std::string(const StoredMessage&)> key_from_header(std::string name);

struct RunOptions {
  unsigned concurrency = 1;  // callbacks at once; 1 or more. With 1 messages are handled in order.
};

class MessageRange;

// Thread-safe. Borrows the broker, which must outlive it. The constructor does no I/O.
class Subscriber {
 public:
  using Callback = std::function<void(ReceivedMessage)>;

  explicit Subscriber(Broker& broker, SubscriberOptions options);
  ~Subscriber();  // stops
  Subscriber(Subscriber&&) noexcept;
  Subscriber& operator=(Subscriber&&) noexcept;

  // Makes the subscription if it is missing, and begins to receive. run() and next() do it, too. The stream's subjects
  // stay as they are. Errors: kInvalidArgument (options), as Broker::open_consumer().
  Result<void> start();

  // Calls `callback` for each message until stop() is called or `stop` is requested, which does the same; then returns
  // ok. Leases are renewed while callbacks run. A message that the callback drops, or that it throws on, is given back.
  // Errors: those of start(); kNotFound (the subscription or the stream was deleted), kDenied, kInternal: no message
  // comes any more. A lost connection is no error.
  Result<void> run(Callback callback, std::stop_token stop, RunOptions options = {});

  // The next message; empty when none came within `max_wait`, `stop` is requested or the subscriber is stopped. Its
  // lease holds for two thirds of ack_wait or more, and is not renewed. Errors: as run().
  Result<std::optional<ReceivedMessage>> next(std::chrono::milliseconds max_wait, std::stop_token stop = {});

  // Messages until `stop` is requested, stop() is called, or there is an error: error() tells.
  MessageRange messages(std::stop_token stop = {});
  std::optional<Error> error() const;
  bool stopped() const;

  // Gives back at once all that no callback has begun, waits for those that run, sends what they said, and ends. What
  // next() has handed out stays with its owner. Any number of times, from any thread but a callback's.
  void stop();
  // The same without waiting; from any thread.
  void request_stop();

 private:
  class Access;
  std::unique_ptr<Access> access_;
};

// For a range-for loop; moves on when the loop does. The subscriber must outlive it.
//
//   for (leat::ReceivedMessage& message : subscriber.messages(stop)) { ...; message.ack(); }
class MessageRange {
 public:
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = ReceivedMessage;

    explicit Iterator(MessageRange& range) : range_(&range) {}
    ReceivedMessage& operator*() const { return *range_->current_; }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { range_->advance(); }
    bool operator==(std::default_sentinel_t) const { return !range_->current_; }

   private:
    MessageRange* range_;
  };

  MessageRange(Subscriber& subscriber, std::stop_token stop) : subscriber_(subscriber), stop_(std::move(stop)) {}
  Iterator begin() {
    advance();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void advance();

  Subscriber& subscriber_;
  std::stop_token stop_;
  std::optional<ReceivedMessage> current_;
};

}  // namespace leat
