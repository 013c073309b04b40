#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <sstream>

#include "cli/commands.h"

namespace leat::cli {
namespace {

TEST(IngestOptionsTest, DocsHaveEachWithItsVariableAndDefault) {
  std::ifstream page(LEAT_PIPELINE_PAGE);
  std::ostringstream text;
  text << page.rdbuf();
  CLI::App root;
  App app;
  add_ingest(root, app);
  const CLI::App* ingest = root.get_subcommand("ingest");
  std::size_t variables = 0;
  for (const CLI::Option* option : ingest->get_options()) {
    if (option->get_envname().empty()) continue;
    ++variables;
    const std::string fallback = option->get_default_str();
    const std::string row = "| `" + option->get_name() + "` | `" + option->get_envname() + "` | " +
                            (fallback.empty() ? "" : "`" + fallback + "` ") + "| ";
    EXPECT_NE(text.str().find(row), std::string::npos) << row;
    EXPECT_NE(ingest->help().find(option->get_envname()), std::string::npos) << row;
  }
  EXPECT_EQ(variables, ingest->get_options().size() - 1);  // all but --help
}

}  // namespace
}  // namespace leat::cli
