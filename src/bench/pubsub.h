// Publisher and Subscriber in numbers.
#pragma once

#include <string>

#include "bench/bench.h"
#include "leat/broker.h"

namespace leat {

// Publishes so many messages of `options.payload` bytes into a stream of this name, in calls of `options.batch`, and
// receives and acknowledges them, one after the other: messages per second of both together. Removes the stream.
// `exact` becomes false unless each message came once and none is left. Throws Error.
double publish_and_receive(const BenchOptions& options, Broker& broker, const std::string& stream, std::size_t messages,
                           bool& exact);

}  // namespace leat
