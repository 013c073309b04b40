// The namespace that jobs live in, and how its streams and buckets are made.
//
//   const leat::NamespaceOptions shop{.name = "shop", .replicas = 3};
//   leat::Queue queue(*broker, {.name_space = shop});
//   leat::Inspector inspector(*broker, shop);
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "leat/clock.h"
#include "leat/settings.h"

namespace leat {

// Give the same to everything that opens the namespace. Whatever opens it first makes what is missing, and its settings
// count from then on: nothing that exists is ever changed. A program that stores or runs jobs and wants it otherwise
// says so in its log, or on standard error when it has none, and uses what is there; one that only looks at the
// namespace, or controls it, says nothing.
//
// Values out of their range are kInvalidArgument from whatever was given them.
struct NamespaceOptions {
  std::string name = "leat";         // of all streams and buckets; 1 to 54 letters, digits, `_`, `-`
  unsigned replicas = 1;             // of all of them; 1 to 5; brokers on one machine ignore it
  Storage storage = Storage::kFile;  // of all of them; kMemory: gone when the broker ends, which makes it faster.
                                     // Brokers on one machine ignore it
  // Jobs that are in their queue for longer are removed, done or not, without a dead letter; those that wait for their
  // time or for other jobs stay. 0: never, or 1 s or more.
  Duration max_age{0};
  // Jobs of a queue and priority that workers have, or that wait for a retry: no more are fetched beyond it
  // (JetStream's max_ack_pending). 1 or more, and more than all workers together hold.
  std::uint32_t max_unsettled = 65'536;
  Duration result_ttl = std::chrono::hours(24 * 7);  // of kept results; 0: for ever, or 1 s or more
  // False: a job that dies is removed without a dead letter; its result, record, event and a line in the log say so.
  // What no handler could begin, because it is undecodable or of an unknown kind, stays in its queue and comes again.
  // Workers that start where the stream of dead letters exists keep letters whatever this says.
  bool enable_dlq = true;
};

}  // namespace leat
