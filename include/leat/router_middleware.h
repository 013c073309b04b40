// Ready middleware for leat::Router. Values out of range throw std::invalid_argument at once.
//
// Middleware waits on the thread of the handler; the message's lease is kept meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>

#include "leat/clock.h"
#include "leat/publisher.h"
#include "leat/retry_policy.h"
#include "leat/router.h"

namespace leat {

// What those inside throw becomes an outcome, which those outside can see: a retry, unless `verdict` says another.
MessageMiddleware recover(std::function<Outcome(const std::exception&)> verdict = {});

struct RetryInPlace {
  unsigned attempts = 3;  // calls, the first one too; 1 or more
  RetryPolicy backoff{.first = std::chrono::milliseconds(100), .longest = std::chrono::seconds(10)};
};
// Calls again at once what ends as a retry, before the message goes back. Stops trying when the stop token fires.
MessageMiddleware retry_in_place(RetryInPlace options = {}, Clock& clock = real_clock());

struct PoisonQueue {
  std::string subject = "poison";  // under the publisher's prefix
  std::uint32_t after = 1;         // deliveries from which on a retry goes there; 1 or more
};
// Publishes what ends as dead, and what ends as a retry for the last time, as a dead letter (docs/guide/pubsub.md), and
// acknowledges it. What cannot be published is a retry. Borrows the publisher.
MessageMiddleware poison_queue(Publisher& publisher, PoisonQueue options = {});

struct Throttle {
  double per_second = 0;  // calls, over all threads; from one a day to 1e9
  unsigned burst = 1;     // that may begin at once after a rest; 1 to 100,000
};
MessageMiddleware throttle(Throttle options, Clock& clock = real_clock());

// Fires the stop token after so long; what is not done then is a retry. A handler that does not look at its token goes
// on. More than 0.
MessageMiddleware time_limit(Duration limit, Clock& clock = real_clock());

struct DropDuplicates {
  // Unless given, stream and sequence: a message that comes again after it was done. Empty: not looked at.
  std::function<std::string(const MessageContext&)> id{};
  Duration window = std::chrono::minutes(10);  // how long an id is remembered, from its end; more than 0
  std::size_t most = 100'000;                  // ids remembered; 1 or more
};
// Acknowledges a message with an id that was done, without a call. One whose twin is under way comes again soon. Knows
// what this program has handled, since it began.
MessageMiddleware drop_duplicates(DropDuplicates options = {}, Clock& clock = real_clock());

// Gives MessageContext::outgoing() the message's correlation id; one that has none is the first of its kind, and its
// stream and sequence become the id.
MessageMiddleware correlate(std::string header = "Correlation-Id");

}  // namespace leat
