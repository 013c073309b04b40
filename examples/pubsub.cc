// Messages that any number of subscribers read: a publisher, two subscriptions, a router with middleware.
#include <leat/leat.h>

#include <iostream>
#include <thread>

using namespace std::chrono_literals;

int main() {
  auto broker = leat::open_broker("sqlite:pubsub.db").value();
  leat::Publisher orders{*broker, {.stream = "orders"}};
  leat::Publisher dead{*broker, {.stream = "dead"}};
  orders.publish("eu.created", "7", {.message_id = "order-7"}).value();
  std::cout << (orders.publish("eu.created", "7", {.message_id = "order-7"}).value().duplicate ? "once\n" : "twice\n");
  orders.publish_batch({{"eu.created", "8"}, {"eu.paid", "7"}, {"us.created", "broken"}});

  // One by one; what gets no ack comes again.
  leat::Subscriber audit{*broker, {.stream = "orders", .name = "audit", .filters = {"orders.eu.>"}}};
  for (int i = 0; i < 3; ++i) {
    leat::ReceivedMessage message = std::move(*audit.next(10s).value());
    std::cout << "audit: " << message.subject() << " " << message.payload() << std::endl;
    message.ack();
  }

  // By callbacks, behind middleware. What has failed three times is given up, and kept in another stream.
  leat::Subscriber mailer{*broker,
                          {.stream = "orders",
                           .name = "mailer",
                           .filters = {"orders.*.created"},
                           .max_deliver = 3,
                           .backoff = leat::RetryPolicy::fixed(10ms),
                           .key = [](const leat::StoredMessage& message) { return message.payload; },
                           .dead_letters = &dead,
                           .dead_subject = "mailer",
                           .on_given_up =
                               [&](const leat::GivenUpMessage& message) {
                                 std::cout << "given up: " << message.message.payload << ", " << message.reason
                                           << std::endl;
                                 mailer.request_stop();
                               }}};
  leat::Router router;
  router.use(leat::recover()).use(leat::retry_in_place({.attempts = 2, .backoff = leat::RetryPolicy::fixed(1ms)}));
  router.on("orders.*.created", [](leat::MessageContext& message) {
    const int number = std::stoi(message.payload());  // throws for the third one
    std::cout << "mail about order " << number << std::endl;
  });
  router.run(mailer, {}).value();

  const auto letter = broker->admin().read_last("dead", "dead.mailer").value();
  std::cout << "kept: " << letter->payload << " from " << *letter->headers.get("Leat-Dead-Subject") << std::endl;
}
