// Creates the streams that jobs live in, and reports what an existing one does differently.
#pragma once

#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/log.h"

namespace leat {

// The three job streams and the dead letters. Errors: as Broker::ensure_stream().
Result<void> ensure_job_streams(Broker& broker, const Names& names, unsigned replicas, Log& log);

// The buckets; each is created when it is missing.
Result<std::unique_ptr<KeyValue>> open_attempts(Broker& broker, const Names& names, unsigned replicas);
Result<std::unique_ptr<KeyValue>> open_results(Broker& broker, const Names& names, Duration ttl, unsigned replicas);
Result<std::unique_ptr<KeyValue>> open_leader(Broker& broker, const Names& names, unsigned replicas);
Result<std::unique_ptr<KeyValue>> open_schedules(Broker& broker, const Names& names, unsigned replicas);
Result<std::unique_ptr<KeyValue>> open_workers(Broker& broker, const Names& names, unsigned replicas);
Result<std::unique_ptr<KeyValue>> open_control(Broker& broker, const Names& names, unsigned replicas);

}  // namespace leat
