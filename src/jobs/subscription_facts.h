// What the subscription of a queue tells of one of its jobs.
#pragma once

#include <cstdint>

#include "jobs/names.h"
#include "leat/broker.h"

namespace leat {

// True when a worker has, or ever had, the message with this sequence in the stream of `id`.
Result<bool> was_delivered(Broker& broker, const Names& names, const JobId& id, std::uint64_t sequence);

}  // namespace leat
