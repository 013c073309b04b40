// Pipelines in processes of their own, to be stopped, killed and frozen.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace leat::test {

// Runs the pipeline "numbers" from "events" into `table`; prints "owner" whenever it becomes the owner. SIGTERM stops
// it.
std::unique_ptr<ChildProcess> start_pipeline(const std::string& broker, const std::string& engine,
                                             const std::string& table);

// What main() does as such a process.
int run_pipeline_child(const std::vector<std::string>& arguments);

}  // namespace leat::test
