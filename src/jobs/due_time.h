// When a delayed job is due, as its message says.
#pragma once

#include <optional>

#include "leat/clock.h"
#include "leat/message.h"

namespace leat {

// Empty when it is no delayed job. A time that cannot be read counts as past: the job is not to lie there for ever.
std::optional<SystemTime> due_time_of(const Headers& headers);
inline std::optional<SystemTime> due_time(const Message& job) {
  return due_time_of(job.headers);
}
void set_due_time(Message& job, SystemTime due);

}  // namespace leat
