#include <gtest/gtest.h>

#include <string_view>

#include "tests/pipeline_clickhouse/pipeline_processes.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--child")
    return leat::test::run_pipeline_child({argv + 2, argv + argc});
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
