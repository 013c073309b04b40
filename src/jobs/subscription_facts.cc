#include "jobs/subscription_facts.h"

namespace leat {

Result<bool> was_delivered(Broker& broker, const Names& names, const JobId& id, std::uint64_t sequence) {
  const auto consumers = broker.admin().consumers(names.stream(id.priority()));
  if (!consumers) return consumers.error().code() == ErrorCode::kNotFound ? Result<bool>(false) : consumers.error();
  for (const ConsumerFacts& facts : *consumers) {
    if (facts.name == id.queue()) return sequence <= facts.delivered_up_to;
  }
  return false;  // no worker has ever served the queue
}

}  // namespace leat
