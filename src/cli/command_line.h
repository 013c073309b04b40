// The command line as a whole: options of all commands, the commands, and what comes of them.
#pragma once

namespace leat::cli {

// What main() does. Returns the exit code: 0 ok, 1 failure, 2 usage.
int run_command_line(int argc, char** argv);

}  // namespace leat::cli
