// What a worker says of itself, as JSON in the bucket `{ns}_workers` (docs/spec/jobs.md).
#pragma once

#include <string>
#include <string_view>

#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/inspector.h"
#include "leat/result.h"

namespace leat {

inline constexpr Duration kHeartbeat = std::chrono::seconds(15);
inline constexpr Duration kWorkerGoneAfter = std::chrono::seconds(60);

std::string to_json(const WorkerInfo& worker);
// `id` and `seen_at` are the record's key and time. Errors: kCorrupt.
Result<WorkerInfo> worker_from_json(std::string_view text);

// Those that live, by name; a record that cannot be read is left out.
Result<std::vector<WorkerInfo>> read_workers(Broker& broker, const Names& names);

}  // namespace leat
