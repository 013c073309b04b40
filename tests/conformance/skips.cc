// Which cases are left out on which broker: nothing else may be.
#include <map>
#include <set>

#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

using Cases = std::set<std::string>;

// Memory belongs to one process and has no server.
const Cases kOneProcessOnly{
    "Processes.ShareTheWorkEachMessageOnce",
    "Processes.WhatAKilledAppenderReportedIsThere",
    "Processes.LeasesOfAKilledProcessComeBackAfterAckWait",
    "Processes.EverythingIsThereAfterReopening",
};
const Cases kNoServer{
    "Restart.KeepsEverything",
    "Restart.UnderLoadDeliversEveryAcknowledgedMessage",
    "Restart.WaitingFetchGoesOn",
    "Restart.WatchMissesNothing",
    "Restart.FollowingReaderGoesOn",
    "Restart.WithoutAServerCallsFailInTime",
    "Restart.RemembersTheIdsOfWhatIsThere",
    "Restart.AWatchWaitsNoLongerThanItWasTold",
};
// A late acknowledgement still acts on JetStream.
const Cases kNotFenced{
    "Settle.LostLeaseCannotBeSettled",
    "Settle.LeaseOfAWaitingRetryIsLost",
};

Cases both(const Cases& a, const Cases& b) {
  Cases all = a;
  all.insert(b.begin(), b.end());
  return all;
}

Cases expected_skips(const std::string& kind) {
  if (kind.starts_with("memory")) return both(kOneProcessOnly, kNoServer);
  if (kind == "sqlite") return kNoServer;
  if (kind.starts_with("jetstream")) return kNotFenced;
  return {};
}

// "Suite.Case" of a running "/Suite.Case/kind".
std::string running_case() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string suite = info->test_suite_name();
  std::string name = info->name();
  return suite.substr(suite.find('/') + 1) + "." + name.substr(0, name.find('/'));
}

class Skips : public testing::TestWithParam<std::string> {};
LEAT_ON_EVERY_BROKER(Skips);

TEST_P(Skips, AreCounted) {
  const std::map<std::string, std::size_t> wanted{{"memory", 12}, {"sqlite", 8}, {"jetstream", 2}};
  const std::string kind = GetParam().substr(0, GetParam().find('_'));
  ASSERT_TRUE(wanted.contains(kind)) << "say here how many cases " << kind << " leaves out";
  EXPECT_EQ(expected_skips(GetParam()).size(), wanted.at(kind));
}

// A case that was renamed or deleted must not stay in the table.
TEST_P(Skips, AreCasesOfThisProgram) {
  Cases known;
  const auto& program = *testing::UnitTest::GetInstance();
  for (int s = 0; s < program.total_test_suite_count(); ++s) {
    const auto& suite = *program.GetTestSuite(s);
    const std::string suite_name = suite.name();
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const std::string name = suite.GetTestInfo(t)->name();
      known.insert(suite_name.substr(suite_name.find('/') + 1) + "." + name.substr(0, name.find('/')));
    }
  }
  for (const std::string& name : expected_skips(GetParam())) EXPECT_TRUE(known.contains(name)) << name;
}

}  // namespace

bool skip_is_expected(const std::string& kind) {
  return expected_skips(kind).contains(running_case());
}

}  // namespace leat::test
