#include "core/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace leat {
namespace {

const std::vector<std::string> kNames{"enqueue", "queue", "dead", "job"};

TEST(NearestNameTest, FindsWhatWasMeant) {
  EXPECT_EQ(nearest_name("enqeue", kNames), "enqueue");
  EXPECT_EQ(nearest_name("queues", kNames), "queue");
  EXPECT_EQ(nearest_name("daed", kNames), "dead");
  EXPECT_EQ(nearest_name("jobs", kNames), "job");
  EXPECT_EQ(nearest_name("enq", kNames), "enqueue");
}

TEST(NearestNameTest, DoesNotGuessWildly) {
  EXPECT_EQ(nearest_name("frobnicate", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("foo", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("queue", std::vector<std::string>{}), std::nullopt);
}

}  // namespace
}  // namespace leat
