#include "jobs/parent_check.h"

#include <set>

#include "core/invalid_argument.h"
#include "jobs/endings.h"
#include "jobs/waiting_job.h"

namespace leat {
namespace {

Error not_tracked(const JobId& parent) {
  return invalid_argument("job " + parent.str() +
                          " is not tracked: enqueue a job that others wait for with track (leat enqueue --track)");
}

}  // namespace

// In the order in which a job moves, so that one on its way is found.
Result<void> ParentCheck::check(const std::vector<JobId>& parents, const std::optional<JobId>& self) {
  const auto scheduled = places_.scheduled(parents);
  const auto queued = places_.queued(parents);
  std::vector<JobId> gone;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    if (self && parents[i] == *self) return invalid_argument("job " + self->str() + " cannot wait for itself");
    if (!scheduled[i]) return scheduled[i].error();
    if (!queued[i]) return queued[i].error();
    const auto& there = *scheduled[i] ? *scheduled[i] : *queued[i];
    if (!there) {
      gone.push_back(parents[i]);
    } else if (!is_tracked(*there)) {
      return not_tracked(parents[i]);
    }
  }
  const auto done = places_.done(gone);
  for (std::size_t i = 0; i < gone.size(); ++i) {
    if (!done[i]) return done[i].error();
    if (*done[i]) continue;
    return Error(ErrorCode::kNotFound, "job " + gone[i].str() +
                                           " cannot be waited for: it is neither waiting nor running, and no record "
                                           "tells how it ended (it was pushed without .track = true, or long ago)");
  }
  return self ? check_no_cycle(parents, *self) : Result<void>();
}

// A fresh id is nobody's parent; one made of a unique key can be.
Result<void> ParentCheck::check_no_cycle(const std::vector<JobId>& parents, const JobId& self) {
  std::set<JobId> seen(parents.begin(), parents.end());
  std::vector<JobId> level(seen.begin(), seen.end());
  while (!level.empty()) {
    const auto found = places_.scheduled(level);
    level.clear();
    for (const auto& job : found) {
      if (!job) return job.error();
      if (!*job || !is_waiting_job(**job)) continue;
      auto waiting = read_waiting(**job);
      if (!waiting) return waiting.error();
      for (JobId& parent : waiting->parents) {
        if (parent == self) {
          const auto through = places_.names().scheduled_id((*job)->subject).value_or(JobId{});
          return invalid_argument("job " + self.str() + " would wait for itself: " + through.str() + " waits for it");
        }
        if (seen.insert(parent).second) level.push_back(std::move(parent));
      }
    }
  }
  return {};
}

}  // namespace leat
