// Holds what the demo's jobs came to against what it should be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/demo_job.h"
#include "cli/demo_workers.h"
#include "leat/dead_letters.h"
#include "leat/inspector.h"
#include "leat/results.h"

namespace leat::cli {

struct DemoOutcome {
  std::vector<std::optional<JobResult>> results;  // of each planned job; empty: there is none
  std::vector<std::optional<FileFacts>> found;    // what they say; empty: nothing, or it cannot be read
  std::vector<DeadLetter> dead;
  std::vector<QueueCounts> queues;
};

// Reads what the broker has at the end.
Result<DemoOutcome> read_outcome(Broker& broker, const std::string& name_space, const std::vector<PlannedJob>& plan);

struct DemoCheck {
  std::string what;
  bool ok = false;
};

// `direct` has what was computed for each planned job; empty for those that will die.
std::vector<DemoCheck> check_demo(const std::vector<PlannedJob>& plan,
                                  const std::vector<std::optional<FileFacts>>& direct, const DemoOutcome& outcome,
                                  const std::vector<DemoWorkers::Member>& workers);

// Tables of what each queue and each worker did.
std::string queue_table(const std::vector<PlannedJob>& plan, const DemoOutcome& outcome);
std::string worker_table(const DemoOutcome& outcome, const std::vector<DemoWorkers::Member>& workers);

}  // namespace leat::cli
