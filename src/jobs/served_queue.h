// Opens what a worker serves: one subscription for a queue at a priority.
#pragma once

#include <memory>
#include <string>

#include "jobs/held_job.h"
#include "jobs/names.h"
#include "leat/log.h"

namespace leat {

ConsumerConfig subscription_of(const Names& names, Priority priority, const std::string& queue, Duration ack_wait);

// The streams are there. Drift goes to the log. Errors: as Broker::open_consumer().
Result<std::unique_ptr<ServedQueue>> open_served_queue(Broker& broker, Priority priority,
                                                       const ConsumerConfig& subscription, Log& drift);

}  // namespace leat
