// Reads the jobs that wait, as tests want to see them.
#pragma once

#include <functional>
#include <vector>

#include "jobs/names.h"
#include "leat/test_worker.h"

namespace leat {

// Not thread-safe.
class EnqueuedJobs {
 public:
  // `is_held`: a message that somebody works on, and that does not wait.
  using IsHeld = std::function<bool(const std::string& stream, std::uint64_t sequence)>;

  EnqueuedJobs(Broker& broker, Names names, IsHeld is_held)
      : broker_(broker), names_(std::move(names)), is_held_(std::move(is_held)) {}

  Result<std::vector<EnqueuedJob>> read(const EnqueuedFilter& filter);

 private:
  Result<void> add_from(const std::string& stream, const EnqueuedFilter& filter, std::vector<EnqueuedJob>& jobs);
  Result<EnqueuedJob> decode(StoredMessage message) const;
  Result<void> add_attempts(std::vector<EnqueuedJob>& jobs);

  Broker& broker_;
  Names names_;
  IsHeld is_held_;
};

}  // namespace leat
