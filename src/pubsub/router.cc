#include "leat/router.h"

#include "pubsub/call_callback.h"

namespace leat {
namespace {

// The first middleware is the outermost.
MessageHandler wrap(MessageHandler handler, const std::vector<MessageMiddleware>& middleware) {
  for (auto each = middleware.rbegin(); each != middleware.rend(); ++each) {
    handler = [around = *each, next = std::move(handler)](MessageContext& message) { return around(message, next); };
  }
  return handler;
}

void say_verdict(ReceivedMessage& message, const Outcome& outcome) {
  switch (outcome.kind()) {
    case Outcome::Kind::kDone:
    case Outcome::Kind::kCancelled: return message.ack();
    case Outcome::Kind::kRetry: return message.nak();
    case Outcome::Kind::kRetryAfter:
    case Outcome::Kind::kSnooze: return message.nak(outcome.delay());
    case Outcome::Kind::kDead:
    case Outcome::Kind::kUndecodable: return message.term(outcome.text());
  }
}

bool counts_as_failure(Outcome::Kind kind) {
  return kind != Outcome::Kind::kDone && kind != Outcome::Kind::kCancelled && kind != Outcome::Kind::kSnooze;
}

}  // namespace

class Router::Routes {
 public:
  explicit Routes(Log* log) : log_(log != nullptr ? *log : no_log()) { enter(); }
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  void use(MessageMiddleware middleware) {
    middleware_.push_back(std::move(middleware));
    enter();
  }
  void add(std::string filter, MessageHandler handler, const std::vector<MessageMiddleware>& middleware) {
    if (auto valid = check_filter(filter); !valid && checked_) checked_ = valid;
    routes_.push_back({std::move(filter), wrap(std::move(handler), middleware)});
  }
  const Result<void>& checked() const { return checked_; }

  void handle(ReceivedMessage message, std::stop_token stop) const;

 private:
  struct Route {
    std::string filter;
    MessageHandler handler;
  };

  void enter() {
    entry_ = wrap([this](MessageContext& message) { return dispatch(message); }, middleware_);
  }
  Outcome dispatch(MessageContext& message) const;

  Log& log_;
  std::vector<Route> routes_;
  std::vector<MessageMiddleware> middleware_;
  MessageHandler entry_;  // through all middleware to dispatch()
  Result<void> checked_;  // the first filter that is none
};

Outcome Router::Routes::dispatch(MessageContext& message) const {
  for (const Route& route : routes_) {
    if (subject_matches(route.filter, message.subject())) return route.handler(message);
  }
  return Outcome::dead("no handler for subject " + message.subject());
}

void Router::Routes::handle(ReceivedMessage message, std::stop_token stop) const {
  MessageContext context(message, std::move(stop));
  const Outcome outcome = call_handler(entry_, context, {});
  if (counts_as_failure(outcome.kind())) {
    log_.warn("message failed", {{"subject", message.subject()},
                                 {"sequence", message.sequence()},
                                 {"deliveries", message.deliveries()},
                                 {"error", outcome.text()}});
  }
  say_verdict(message, outcome);
}

Router::Router(Log* log) : routes_(std::make_unique<Routes>(log)) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

Router& Router::use(MessageMiddleware middleware) {
  routes_->use(std::move(middleware));
  return *this;
}

void Router::add(std::string filter, MessageHandler handler, std::vector<MessageMiddleware> middleware) {
  routes_->add(std::move(filter), std::move(handler), middleware);
}

Result<void> Router::run(Subscriber& subscriber, std::stop_token stop, RunOptions options) {
  if (!routes_->checked()) return routes_->checked();
  return subscriber.run([this, &stop](ReceivedMessage message) { handle(std::move(message), stop); }, stop, options);
}

void Router::handle(ReceivedMessage message, std::stop_token stop) const {
  routes_->handle(std::move(message), std::move(stop));
}

}  // namespace leat
