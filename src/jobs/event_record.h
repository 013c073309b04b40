// An event as a message (docs/spec/jobs.md).
#pragma once

#include "jobs/names.h"
#include "leat/events.h"

namespace leat {

AppendRequest encode_event(const Names& names, const JobEvent& event);
// Errors: kCorrupt.
Result<JobEvent> decode_event(const StoredMessage& message);

}  // namespace leat
