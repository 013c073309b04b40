// Runs one shell command to its end: bytes in, bytes out, and a way to stop it.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat::cli {

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

// Gives `command` to /bin/sh with `input` on its standard input, and waits until the shell has ended; what it left
// running in the background is not waited for. When `stop` is requested the command's process group gets SIGTERM, and
// after the grace SIGKILL. Thread-safe. kUnavailable: no process or pipe can be made.
Result<ShellEnd> run_shell(const std::string& command, const std::vector<std::string>& environment,
                           std::string_view input, const ShellLimits& limits, std::stop_token stop);

}  // namespace leat::cli
