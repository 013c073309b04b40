#include "core/ulid.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/thread.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

constexpr SystemTime kNow = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};

TEST(Ulid, TwentySixCrockfordDigits) {
  const std::string id = make_ulid(kNow);
  EXPECT_EQ(id.size(), 26u);
  EXPECT_EQ(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), std::string::npos) << id;
}

TEST(Ulid, TimeIsInFront) {
  // 2026-01-01T00:00:00Z is 1767225600000 ms, 01KDVKZN00 in base 32.
  std::string digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::uint64_t value = 0;
  for (const char c : make_ulid(kNow).substr(0, 10)) value = value * 32 + digits.find(c);
  EXPECT_EQ(value, 1'767'225'600'000u);
}

TEST(Ulid, SortsByTimeAndByOrderOfMaking) {
  std::vector<std::string> ids;
  for (int millisecond = 0; millisecond < 10; ++millisecond) {
    for (int i = 0; i < 1'000; ++i) ids.push_back(make_ulid(kNow + millisecond * 1ms));
  }
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
}

TEST(Ulid, ClockThatGoesBackKeepsOrderAndUniqueness) {
  const std::string before = make_ulid(kNow + 1h);
  const std::string after = make_ulid(kNow);
  EXPECT_LT(before, after);
}

TEST(Ulid, AppendsToWhatIsThere) {
  std::string text = "job-";
  append_ulid(text, kNow);
  EXPECT_EQ(text.size(), 30u);
  EXPECT_TRUE(text.starts_with("job-0"));
}

TEST(Ulid, UniqueOverThreads) {
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kEach = 5'000;
  std::vector<std::vector<std::string>> ids(kThreads);
  {
    const ThreadPool makers("maker", kThreads, [&](std::size_t i, const std::stop_token&) {
      for (std::size_t n = 0; n < kEach; ++n) ids[i].push_back(make_ulid(kNow));
    });
  }
  std::set<std::string> distinct;
  for (const auto& own : ids) distinct.insert(own.begin(), own.end());
  EXPECT_EQ(distinct.size(), kThreads * kEach);
}

TEST(Ulid, UniqueAfterAFork) {
  make_ulid(kNow);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string id = make_ulid(kNow);
    const bool written = write(ends[1], id.data(), id.size()) == static_cast<ssize_t>(id.size());
    _exit(written ? 0 : 1);
  }
  const std::string ours = make_ulid(kNow);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  std::string theirs(26, '\0');
  ASSERT_EQ(read(ends[0], theirs.data(), theirs.size()), 26);
  close(ends[0]);
  close(ends[1]);
  EXPECT_NE(ours, theirs);
  // Not even neighbours: the child draws random bits of its own.
  EXPECT_NE(ours.substr(10, 10), theirs.substr(10, 10));
}

}  // namespace
}  // namespace leat
