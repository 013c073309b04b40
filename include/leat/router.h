// Handlers by subject, with middleware around them.
//
//   leat::Router router;
//   router.use(leat::recover()).use(leat::retry_in_place({.attempts = 3}));
//   router.on("orders.*.created", [](leat::MessageContext& message) { send_mail(message.payload()); });
//   router.run(subscriber, stop).value();
//
// A handler returns nothing (acknowledged), a Result<void> (an error is a nak) or a leat::Outcome: done is an ack,
// retry a nak, retry_after and snooze a nak after the delay, dead and undecodable a term with their text, cancelled an
// ack. What it throws is a nak. leat/router_middleware.h has ready middleware.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "leat/log.h"
#include "leat/outcome.h"
#include "leat/subscriber.h"

namespace leat {

// A message on its way through middleware to its handler. One thread at a time.
class MessageContext {
 public:
  MessageContext(const ReceivedMessage& message, std::stop_token stop) : message_(message), stop_(std::move(stop)) {}

  const ReceivedMessage& message() const { return message_; }
  const std::string& subject() const { return message_.subject(); }
  const std::string& payload() const { return message_.payload(); }
  const Headers& headers() const { return message_.headers(); }

  // Fires when the router stops, and when a time limit is over.
  const std::stop_token& stop_token() const { return stop_; }
  // For middleware: another one for those behind it; returns the one before.
  std::stop_token replace_stop_token(std::stop_token stop) { return std::exchange(stop_, std::move(stop)); }

  // What middleware says of messages that the handler publishes because of this one:
  // `publisher.publish("sent", "...", {.headers = message.outgoing()})`.
  Headers& outgoing() { return outgoing_; }

 private:
  const ReceivedMessage& message_;
  std::stop_token stop_;
  Headers outgoing_;
};

using MessageHandler = std::function<Outcome(MessageContext&)>;

// Runs around handlers, on their thread: calls `next` never, once or several times, and says what became of the
// message. Called by many threads at once.
//
//   [](leat::MessageContext& message, const leat::MessageHandler& next) -> leat::Outcome {
//     if (is_blocked(message.headers())) return leat::Outcome::dead("blocked");
//     return next(message);
//   }
using MessageMiddleware = std::function<Outcome(MessageContext&, const MessageHandler& next)>;

namespace detail {

template <class F>
MessageHandler message_handler(F handler) {
  using R = std::invoke_result_t<F&, MessageContext&>;
  if constexpr (std::is_same_v<R, Outcome>) {
    return handler;
  } else if constexpr (std::is_same_v<R, Result<void>>) {
    return [handler = std::move(handler)](MessageContext& message) mutable {
      const Result<void> result = handler(message);
      return result ? Outcome::done() : Outcome::retry(result.error().message());
    };
  } else {
    static_assert(std::is_void_v<R>, "a handler returns nothing, a leat::Outcome or a leat::Result<void>");
    return [handler = std::move(handler)](MessageContext& message) mutable {
      handler(message);
      return Outcome::done();
    };
  }
}

}  // namespace detail

// use(), on() and otherwise() come first, from one thread; after that it is thread-safe.
class Router {
 public:
  explicit Router(Log* log = nullptr);  // borrowed; told of messages that are not done
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // Around all handlers; the first is the outermost.
  Router& use(MessageMiddleware middleware);

  // For messages whose subject this filter selects, if no filter before it does. The middleware runs around this
  // handler alone, inside of what use() gave.
  template <class F>
  Router& on(std::string filter, F handler, std::vector<MessageMiddleware> middleware = {}) {
    add(std::move(filter), detail::message_handler(std::move(handler)), std::move(middleware));
    return *this;
  }
  // For all others; unless given, they are terminated: "no handler for subject ...".
  template <class F>
  Router& otherwise(F handler) {
    return on(">", std::move(handler));
  }

  // As Subscriber::run(). Errors: kInvalidArgument too (a filter). The subscriber may be used up by several routers.
  Result<void> run(Subscriber& subscriber, std::stop_token stop, RunOptions options = {});

  // What run() does with each message, for a loop of your own.
  void handle(ReceivedMessage message, std::stop_token stop = {}) const;

 private:
  void add(std::string filter, MessageHandler handler, std::vector<MessageMiddleware> middleware);

  class Routes;
  std::unique_ptr<Routes> routes_;
};

}  // namespace leat
