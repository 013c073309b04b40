// Enqueues a job for each line of an input.
#pragma once

#include <string>

#include "cli/app.h"
#include "leat/queue.h"

namespace leat::cli {

struct LineJobs {
  std::string kind;
  Headers headers;
  PushOptions push;
  enum class Check { kJson, kNone } check = Check::kJson;
  enum class Ids { kHide, kPrint } ids = Ids::kHide;
};

// Reads standard input to its end. Refused lines are reported one by one, and do not stop the others; a broker that
// takes none of a batch does. Returns the exit code: kExitFailure when any line was refused.
Result<int> enqueue_lines(App& app, Queue& queue, const LineJobs& jobs);

}  // namespace leat::cli
