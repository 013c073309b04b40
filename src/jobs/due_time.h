// When a delayed job is due, and which messages it has lain in, as its message says.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "leat/clock.h"
#include "leat/message.h"

namespace leat {

// Empty when it is no delayed job. A time that cannot be read counts as past: the job is not to lie there for ever.
std::optional<SystemTime> due_time_of(const Headers& headers);
inline std::optional<SystemTime> due_time(const Message& job) {
  return due_time_of(job.headers);
}
void set_due_time(Message& job, SystemTime due);
// The messages that a delayed job has lain in, this one first. A scheduler that has taken any of them takes the job.
std::vector<std::uint64_t> versions_of(const StoredMessage& job);

}  // namespace leat
