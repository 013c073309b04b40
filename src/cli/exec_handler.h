// A handler that runs a shell command for each job: the payload is its standard input, its exit code the verdict.
#pragma once

#include <string>
#include <vector>

#include "cli/shell_command.h"
#include "leat/worker.h"

namespace leat::cli {

inline constexpr int kExitDead = 65;  // EX_DATAERR of sysexits(3): this job can never succeed

// 0: done, standard output is the result. 65: dead at once. Anything else, or a signal: a retry. The end of standard
// error tells why. A command that was stopped by the job's stop token, and did not say done or dead, is a retry too.
// The guard, if any, outlives the handler.
Handler make_exec_handler(std::string command, ShellLimits limits = {}, GroupGuard* guard = nullptr);

// This process's environment, and LEAT_JOB_ID, LEAT_KIND, LEAT_QUEUE, LEAT_PRIORITY, LEAT_ATTEMPT, LEAT_MAX_ATTEMPTS,
// LEAT_ENQUEUED_AT (RFC 3339) and LEAT_HEADER_<NAME> for each of the job's own headers: the name in upper case, with
// `_` for everything but letters and digits.
std::vector<std::string> job_environment(const JobContext& job);

}  // namespace leat::cli
