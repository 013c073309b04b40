// Finds out what has become of one job: place by place, in the order in which a job goes through them.
#pragma once

#include "jobs/attempt_record.h"
#include "jobs/call_record.h"
#include "jobs/job_places.h"
#include "leat/inspector.h"

namespace leat {

// Thread-safe.
class JobLookup {
 public:
  JobLookup(Broker& broker, const Names& names) : broker_(broker), places_(broker, names) {}

  Result<JobStatus> look(const JobId& id, const StatusOptions& options);

 private:
  Result<JobStatus> queued(const JobId& id, const StoredMessage& job, const StatusOptions& options);
  Result<CallRecord> ask(const JobId& id, const StoredMessage& job, std::chrono::milliseconds max_wait);
  // kNothing: workers live, and none has said that it runs the job.
  enum class Heard { kRuns, kNothing, kNobodyLives };
  Result<Heard> hear_workers(const JobId& id, JobStatus& status);
  Result<AttemptRecord> attempts(const JobId& id, std::uint64_t sequence);
  Result<JobStatus> finished(const JobId& id);
  Result<void> add_dead_letter(const JobId& id, JobStatus& status);

  Broker& broker_;
  JobPlaces places_;
};

}  // namespace leat
