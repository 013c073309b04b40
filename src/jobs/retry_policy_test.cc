#include "leat/retry_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace leat {
namespace {

using namespace std::chrono_literals;

// Without jitter: random 0.5 is the middle.
std::vector<Duration> waits(RetryPolicy policy, unsigned count) {
  policy.jitter = 0;
  std::vector<Duration> all;
  for (unsigned failed = 1; failed <= count; ++failed) all.push_back(policy.delay(failed, 0.5));
  return all;
}

TEST(RetryPolicyTest, EachShapeWaitsAsItSays) {
  EXPECT_EQ(waits(RetryPolicy::fixed(3s), 3), (std::vector<Duration>{3s, 3s, 3s}));
  EXPECT_EQ(waits(RetryPolicy::linear(1s, 2s, 4s), 4), (std::vector<Duration>{1s, 3s, 4s, 4s}));
  EXPECT_EQ(waits(RetryPolicy::exponential(1s, 3.0, 20s), 4), (std::vector<Duration>{1s, 3s, 9s, 20s}));
  EXPECT_EQ(waits(RetryPolicy::of_table({1s, 1min, 2h}), 5), (std::vector<Duration>{1s, 1min, 2h, 2h, 2h}));
}

TEST(RetryPolicyTest, JitterSpreadsByItsShare) {
  RetryPolicy policy = RetryPolicy::fixed(10s);
  policy.jitter = 0.2;
  EXPECT_EQ(policy.delay(1, 0.0), 8s);
  EXPECT_EQ(policy.delay(1, 0.5), 10s);
  EXPECT_LT(policy.delay(1, 0.999), 12s);
}

TEST(RetryPolicyTest, HugeNumbersStayInRange) {
  const RetryPolicy policy = {.first = 24h, .factor = 1000, .longest = Duration::max(), .jitter = 1};
  EXPECT_GT(policy.delay(1'000'000, 0.999), 24h);
  EXPECT_GE(policy.delay(1'000'000, 0.0), 0s);
}

TEST(RetryPolicyTest, AHeaderTellsTheSame) {
  for (const RetryPolicy& policy :
       {RetryPolicy{}, RetryPolicy::fixed(1500ms), RetryPolicy::linear(1s, 2s), RetryPolicy::of_table({1s, 1min})}) {
    const auto back = RetryPolicy::from_json(policy.to_json());
    ASSERT_TRUE(back) << policy.to_json() << back.error().message();
    EXPECT_EQ(waits(*back, 6), waits(policy, 6)) << policy.to_json();
    EXPECT_EQ(back->jitter, policy.jitter);
  }
}

TEST(RetryPolicyTest, NonsenseIsRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(RetryPolicy{.factor = nan}.check());
  EXPECT_FALSE(RetryPolicy{.factor = 0.5}.check());
  EXPECT_FALSE(RetryPolicy{.jitter = nan}.check());
  EXPECT_FALSE(RetryPolicy{.jitter = 1.1}.check());
  EXPECT_FALSE(RetryPolicy{.first = -1s}.check());
  EXPECT_FALSE(RetryPolicy::of_table({1s, -1s}).check());
  EXPECT_FALSE(RetryPolicy::of_table(std::vector<Duration>(101, 1s)).check());
  for (const char* text : {"", "[]", "7", "{\"first_ms\":\"soon\"}", "{\"first_ms\":-5}", "{\"table_ms\":7}"}) {
    EXPECT_FALSE(RetryPolicy::from_json(text)) << text;
  }
}

}  // namespace
}  // namespace leat
