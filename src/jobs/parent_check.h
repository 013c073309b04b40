// Looks whether a job may wait for those that it names, before it is stored.
#pragma once

#include <optional>
#include <vector>

#include "jobs/job_places.h"

namespace leat {

// Thread-safe.
class ParentCheck {
 public:
  // `places` outlives it.
  explicit ParentCheck(JobPlaces& places) : places_(places) {}

  // Ok when each is waiting, running or recorded, and tracked. `self` is the id of the job that will wait, when it is
  // known before: that of a unique one. Errors: kNotFound, kInvalidArgument (not tracked; the job would wait for
  // itself).
  Result<void> check(const std::vector<JobId>& parents, const std::optional<JobId>& self);

 private:
  Result<void> check_no_cycle(const std::vector<JobId>& parents, const JobId& self);

  JobPlaces& places_;
};

}  // namespace leat
