#include <gtest/gtest.h>

#include <string_view>

#include "tests/jobs/jobs_suite.h"

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "worker") {
    return leat::test::run_blocked_worker(argv[2], static_cast<unsigned>(std::stoul(argv[3])));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
