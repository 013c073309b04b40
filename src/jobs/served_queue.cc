#include "jobs/served_queue.h"

#include "broker/drift_report.h"

namespace leat {

ConsumerConfig subscription_of(const Names& names, Priority priority, const std::string& queue, Duration ack_wait) {
  return {.stream = names.stream(priority),
          .name = queue,
          .filter = names.queue_filter(priority, queue),
          .ack_wait = ack_wait,
          .max_unsettled = names.options().max_unsettled};
}

Result<std::unique_ptr<ServedQueue>> open_served_queue(Broker& broker, Priority priority,
                                                       const ConsumerConfig& subscription, Log& drift) {
  auto served = std::make_unique<ServedQueue>();
  served->priority = priority;
  served->queue = subscription.name;
  served->stream = subscription.stream;
  const auto facts = broker.admin().stream(served->stream);
  if (!facts) return facts.error();
  served->stream_created = std::to_string(facts->created.time_since_epoch().count());
  auto consumer = broker.open_consumer(subscription);
  if (!consumer) return consumer.error().with_context("queue " + served->queue);
  report_drift(drift, "subscription", served->stream + "/" + served->queue, (*consumer)->drift());
  served->consumers.push_back(std::move(*consumer));
  served->consumer = served->consumers.back().get();
  return served;
}

}  // namespace leat
