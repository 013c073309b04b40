#include "leat/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>

namespace leat {
namespace {

std::string written_by(LogLevel least, void (*write)(Log&)) {
  const auto log = make_stderr_log(least);
  testing::internal::CaptureStderr();
  write(*log);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, OneLinePerEvent) {
  const std::string line = written_by(LogLevel::kInfo, [](Log& log) {
    log.info("job done", {{"job_id", "01J9"}, {"attempt", 3}, {"queue", std::string("default")}});
  });
  const std::regex shape(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info job done job_id=01J9 attempt=3 queue=default\n)");
  EXPECT_TRUE(std::regex_match(line, shape)) << line;
}

TEST(Log, ValuesThatAreNoWordAreQuoted) {
  const std::string line = written_by(LogLevel::kInfo, [](Log& log) {
    log.warn("odd", {{"a", "two words"},
                     {"b", ""},
                     {"c", "line\nend"},
                     {"d", "say \"hi\""},
                     {"e", "x=y"},
                     {"f", "back\\slash"},
                     {"g", "tab\there"}});
  });
  EXPECT_NE(line.find(" warn odd "), std::string::npos) << line;
  EXPECT_NE(line.find(R"( a="two words" b="" c="line\nend" d="say \"hi\"" e="x=y" f="back\\slash" g="tab here")"),
            std::string::npos)
      << line;
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << "no value can begin a line of its own";
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  EXPECT_EQ(written_by(LogLevel::kWarn, [](Log& log) { log.info("no"); }), "");
  EXPECT_NE(written_by(LogLevel::kWarn, [](Log& log) { log.error("yes"); }), "");
  EXPECT_EQ(written_by(LogLevel::kOff, [](Log& log) { log.error("no"); }), "");
  EXPECT_FALSE(no_log().enabled(LogLevel::kError));
  EXPECT_NE(written_by(LogLevel::kDebug, [](Log& log) { log.debug("yes"); }).find(" debug yes"), std::string::npos);
}

TEST(Log, LevelsHaveNames) {
  EXPECT_EQ(to_string(LogLevel::kDebug), "debug");
  EXPECT_EQ(to_string(LogLevel::kOff), "off");
}

}  // namespace
}  // namespace leat
