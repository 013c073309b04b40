#include <gtest/gtest.h>

#include <string_view>

#include "tests/jobs/jobs_suite.h"
#include "tests/jobs/scheduler_processes.h"

int main(int argc, char** argv) {
  const std::string_view role = argc == 4 ? argv[1] : "";
  if (role == "worker") return leat::test::run_blocked_worker(argv[2], static_cast<unsigned>(std::stoul(argv[3])));
  if (role == "scheduler") return leat::test::run_scheduler(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
