#include "tests/pubsub/pubsub_suite.h"

#include <algorithm>

namespace leat::test {

void PubSubSuite::SetUp() {
  fixture_ = make_broker_fixture(GetParam());
  broker_ = fixture_->open();
}

bool PubSubSuite::eventually(const std::function<bool()>& happened) {
  const SteadyTime until = real_clock().steady() + kPatience;
  while (!happened()) {
    if (real_clock().steady() > until) return false;
    fixture_->let_time_pass();
    leat::sleep_for(real_clock(), 2ms, {});
  }
  return true;
}

void PubSubSuite::pass(Duration duration) {
  const SteadyTime until = now() + duration;
  EXPECT_TRUE(eventually([&] { return now() >= until; }));
}

Publisher PubSubSuite::publisher(PublisherOptions options) {
  Publisher made(*broker_, std::move(options));
  EXPECT_EQ(code_of(made.open()), "ok");
  return made;
}

void PubSubSuite::publish_numbers(Publisher& to, int count, const std::string& subject) {
  std::vector<Publication> messages;
  for (const std::string& number : numbers(count)) messages.push_back({subject, number});
  for (const auto& published : to.publish_batch(std::move(messages))) EXPECT_EQ(code_of(published), "ok");
}

Subscriber PubSubSuite::subscriber(SubscriberOptions options) {
  if (options.stream.empty()) options.stream = "orders";
  Subscriber made(*broker_, std::move(options));
  EXPECT_EQ(code_of(made.start()), "ok");
  return made;
}

std::optional<ReceivedMessage> PubSubSuite::next(Subscriber& from) {
  std::optional<ReceivedMessage> message;
  eventually([&] {
    auto received = from.next(fixture_->manual_clock() != nullptr ? 0ms : 100ms);
    EXPECT_EQ(code_of(received), "ok");
    if (received) message = std::move(*received);
    return message.has_value() || !received;
  });
  return message;
}

std::vector<std::string> PubSubSuite::receive(Subscriber& from, std::size_t count) {
  std::vector<std::string> payloads;
  while (payloads.size() < count) {
    auto message = next(from);
    if (!message) break;
    payloads.push_back(message->payload());
    message->ack();
  }
  return payloads;
}

bool PubSubSuite::nothing_comes(Subscriber& from) {
  const SteadyTime until = now() + 150ms;
  bool came = false;
  EXPECT_TRUE(eventually([&] {
    const auto received = from.next(0ms);
    came = received && received->has_value();
    return came || now() >= until;
  }));
  return !came;
}

ConsumerFacts PubSubSuite::facts(const std::string& subscription) {
  for (ConsumerFacts& each : broker_->admin().consumers("orders").value()) {
    if (each.name == subscription) return std::move(each);
  }
  return {};
}

BackgroundRun::BackgroundRun(Subscriber& subscriber, Subscriber::Callback callback, RunOptions options)
    : thread_(start_thread("run", [this, &subscriber, callback = std::move(callback), options](const std::stop_token&) {
        result_ = subscriber.run(callback, stop_.get_token(), options);
        ended_ = true;
      })) {}

Result<void> BackgroundRun::stop() {
  stop_.request_stop();
  if (thread_.joinable()) thread_.join();
  return result_;
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::to_string(i));
  return all;
}

std::vector<std::string> sorted(std::vector<std::string> payloads) {
  std::sort(payloads.begin(), payloads.end());
  return payloads;
}

}  // namespace leat::test
