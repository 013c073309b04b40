#include "leat/subscriber.h"

#include "pubsub/subscription.h"

namespace leat {

class Subscriber::Access {
 public:
  Access(Broker& broker, SubscriberOptions options)
      : subscription_(std::make_shared<Subscription>(broker, std::move(options))) {}
  ~Access() { subscription_->stop(); }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  Subscription& operator*() const { return *subscription_; }

 private:
  std::shared_ptr<Subscription> subscription_;  // messages in the program's hands hold it, too
};

Subscriber::Subscriber(Broker& broker, SubscriberOptions options)
    : access_(std::make_unique<Access>(broker, std::move(options))) {}
Subscriber::~Subscriber() = default;
Subscriber::Subscriber(Subscriber&&) noexcept = default;
Subscriber& Subscriber::operator=(Subscriber&&) noexcept = default;

Result<void> Subscriber::start() {
  return (**access_).start();
}

Result<void> Subscriber::run(Callback callback, std::stop_token stop, RunOptions options) {
  return (**access_).run(callback, stop, options.concurrency);
}

Result<std::optional<ReceivedMessage>> Subscriber::next(std::chrono::milliseconds max_wait, std::stop_token stop) {
  return (**access_).next(max_wait, stop);
}

MessageRange Subscriber::messages(std::stop_token stop) {
  return {*this, std::move(stop)};
}

std::optional<Error> Subscriber::error() const {
  return (**access_).error();
}

bool Subscriber::stopped() const {
  return (**access_).stopped();
}

void Subscriber::stop() {
  (**access_).stop();
}

void Subscriber::request_stop() {
  (**access_).request_stop();
}

void MessageRange::advance() {
  constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(1);
  current_.reset();
  while (!current_ && !stop_.stop_requested() && !subscriber_.stopped()) {
    auto next = subscriber_.next(kLongestWait, stop_);
    if (!next) return;
    current_ = std::move(*next);
  }
}

std::function<std::string(const StoredMessage&)> key_from_header(std::string name) {
  return [name = std::move(name)](const StoredMessage& message) {
    return std::string(message.headers.get(name).value_or(""));
  };
}

}  // namespace leat
