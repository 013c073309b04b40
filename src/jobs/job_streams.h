// Creates the streams and buckets that jobs live in, and tells what existing ones have otherwise.
#pragma once

#include "broker/drift_report.h"
#include "jobs/names.h"
#include "leat/broker.h"

namespace leat {

// Whether jobs that die leave a dead letter.
enum class Letters { kKept, kNone };

// The job streams, what waits, what is done, and the dead letters if the namespace wants them; drift goes to the log.
// Errors: as Broker::ensure_stream().
Result<Letters> ensure_job_streams(Broker& broker, const Names& names, Log& drift);

// The buckets; each is created when it is missing. Who only looks says nothing of drift.
using Bucket = Result<std::unique_ptr<KeyValue>>;
Bucket open_attempts(Broker& broker, const Names& names, Log& drift = no_log());
Bucket open_results(Broker& broker, const Names& names, Log& drift = no_log());
Bucket open_leader(Broker& broker, const Names& names, Log& drift = no_log());
Bucket open_schedules(Broker& broker, const Names& names, Log& drift = no_log());
Bucket open_workers(Broker& broker, const Names& names, Log& drift = no_log());
Bucket open_control(Broker& broker, const Names& names, Log& drift = no_log());

}  // namespace leat
