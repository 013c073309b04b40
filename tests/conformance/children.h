// What the test program does when it is started as another process of a case.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace leat::test {

// The roles; each opens the broker at `address` and works on the stream "work", consumer "workers".
//   append   appends numbered messages, and writes each payload on its standard output once the append was ok
//   hold     leases everything that is ready, writes the payloads, and holds them until it is killed
//   work     receives and settles (confirmed) until the stream is empty, and writes the payloads
std::unique_ptr<ChildProcess> start_child(const std::string& role, const std::string& address);

// Called by main() in the child; the exit code.
int run_child(const std::vector<std::string>& arguments);

}  // namespace leat::test
