// Runs one shell command to its end: bytes in, bytes out, and a way to stop it.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "cli/group_guard.h"
#include "leat/clock.h"
#include "leat/result.h"

namespace leat::cli {

struct ShellRequest {
  std::string command;
  std::vector<std::string> environment;  // "NAME=value" each, all of it
  std::string_view input;
  GroupGuard* guard = nullptr;  // ends the command if this process dies; without it the shell alone dies then
};

struct ShellLimits {
  std::size_t max_output = 64 * 1024;              // of standard output, the beginning is kept
  std::size_t max_error = 1900;                    // bytes of standard error, the end is kept; a dead letter holds it
  Duration term_grace = std::chrono::seconds(10);  // from SIGTERM to SIGKILL when it is stopped
};

struct ShellEnd {
  int status = 0;  // what wait(2) says
  std::string output;
  std::string error;
};

// Gives the command to /bin/sh with the input on its standard input, and waits until the shell has ended; what it left
// running in the background is not waited for. When `stop` is requested the command's process group gets SIGTERM,
// before request_stop() returns, and after the grace SIGKILL. Thread-safe. kUnavailable: no process or pipe can be
// made.
Result<ShellEnd> run_shell(const ShellRequest& request, const ShellLimits& limits, std::stop_token stop);

}  // namespace leat::cli
