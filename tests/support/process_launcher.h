// Starts the servers of tests as processes that die with the test program.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace leat::test {

// Starts a program (its path, then its arguments), whose output is appended to the file `log`. Thread-safe; the process
// is killed when the program ends, not when the calling thread does. Throws std::runtime_error.
pid_t launch(const std::vector<std::string>& command, const std::string& log);

// Waits until `ready()`: true; false when the process `pid` ended before (it is collected then) or the time ran out.
bool wait_until_ready(pid_t pid, std::chrono::seconds most, const std::function<bool()>& ready);

// Sends the signal, and waits until the process is gone.
void end_process(pid_t pid, int signal);

}  // namespace leat::test
