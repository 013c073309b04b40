// Where jobs lie: each id names a place in three streams, one look each. A job moves from the first to the second to
// the third and never back, so who looks in this order misses none.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/results.h"

namespace leat {

// Thread-safe.
class JobPlaces {
 public:
  using Found = Result<std::optional<StoredMessage>>;

  JobPlaces(Broker& broker, Names names) : broker_(broker), names_(std::move(names)) {}

  // One answer per id, in order; payloads are left out, but for jobs that wait for others. A stream that is not there
  // is empty.
  std::vector<Found> scheduled(std::span<const JobId> ids);  // waiting for their time, or for other jobs
  std::vector<Found> queued(std::span<const JobId> ids);     // waiting, running, waiting for a retry
  std::vector<Result<std::optional<JobResult>>> done(std::span<const JobId> ids);  // records of tracked jobs
  // When those were enqueued that lie in the first two; of two under one id the earlier one. Who wants to know whether
  // what is kept under the id tells of them looks here first.
  std::vector<Result<std::optional<SystemTime>>> enqueued_at(std::span<const JobId> ids);

  Found scheduled(const JobId& id) { return std::move(scheduled({&id, 1}).front()); }
  Found queued(const JobId& id) { return std::move(queued({&id, 1}).front()); }
  Result<std::optional<JobResult>> done(const JobId& id) { return std::move(done({&id, 1}).front()); }
  Result<std::optional<SystemTime>> enqueued_at(const JobId& id) { return std::move(enqueued_at({&id, 1}).front()); }

  const Names& names() const { return names_; }

 private:
  enum class Keep { kWhole, kHeaders };
  std::vector<Found> read(const std::string& stream, const std::vector<std::string>& subjects, Keep keep);

  Broker& broker_;
  Names names_;
};

}  // namespace leat
