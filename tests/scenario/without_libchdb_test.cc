// What each command says where ClickHouse's engine as a library is missing; and that all of them look where they are
// told to.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temporary_directory.h"

namespace leat::test {
namespace {

constexpr const char* kMissing = "there is no /nowhere/libchdb.so, ClickHouse's engine as a library: `npm install ";

class WithoutLibchdbTest : public ::testing::Test {
 protected:
  // What it writes, run in an empty directory.
  std::string leat(const std::string& line, int wanted) const {
    const std::string output = directory_.path() / "output";
    const std::string command = "mkdir -p " + place() + " && cd " + place() +
                                " && LEAT_CHDB=/nowhere/libchdb.so " LEAT_BINARY " " + line + " >" + output + " 2>&1";
    const int status = std::system(command.c_str());
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == wanted) << line << " " << status;
    return (std::ostringstream() << std::ifstream(output).rdbuf()).str();
  }
  std::string place() const { return directory_.path() / "place"; }

  TemporaryDirectory directory_;
};

TEST_F(WithoutLibchdbTest, CommandsThatNeedItSayHowToGetIt) {
  std::filesystem::create_directories(place() + "/migrations");
  for (const char* line : {"ingest --count 1", "migrate up --url chdb:d", "bench --case pipeline-writer --jobs 1000"}) {
    const std::string text = leat(line, 1);
    EXPECT_NE(text.find(kMissing), std::string::npos) << line << "\n" << text;
  }
  std::ofstream(place() + "/p.toml") << "name = \"p\"\nstream.name = \"s\"\n"
                                     << "clickhouse = { url = \"chdb:d\", table = \"t\" }\n";
  const std::string text = leat("pipeline run --url sqlite:p.db p.toml", 1);
  EXPECT_NE(text.find(kMissing), std::string::npos) << text;
}

TEST_F(WithoutLibchdbTest, IngestLeavesNothingBehind) {
  leat("ingest --count 1", 1);
  EXPECT_TRUE(std::filesystem::is_empty(place()));
}

TEST_F(WithoutLibchdbTest, TheDemoLeavesEventsOut) {
  std::filesystem::create_directories(place() + "/files");
  for (const char* name : {"a.h", "b.c", "c.h"}) std::ofstream(place() + "/files/" + name) << name;
  const std::string text = leat("demo files", 0);
  EXPECT_NE(text.find("events into ClickHouse: left out, "), std::string::npos) << text;
  EXPECT_NE(text.find(kMissing), std::string::npos) << text;
}

}  // namespace
}  // namespace leat::test
