#include "broker/jetstream/stream_settings.h"

#include <gtest/gtest.h>

#include "broker/jetstream/pull_status.h"

namespace leat::jetstream {
namespace {

TEST(StreamSettings, DriftNamesTheSettings) {
  const nlohmann::json wanted = to_json(
      StreamConfig{.name = "s", .subjects = {"a", "b"}, .max_age = std::chrono::hours(1), .max_messages = 5}, {});
  nlohmann::json actual = wanted;
  actual["subjects"] = {"b", "a"};
  EXPECT_TRUE(stream_drift(actual, wanted).empty());
  actual["max_msgs"] = -1;
  actual["max_age"] = 0;
  actual["retention"] = "workqueue";
  const auto drift = stream_drift(actual, wanted);
  ASSERT_EQ(drift.size(), 3u);
  EXPECT_EQ(drift[0].setting, "retention");
  EXPECT_EQ(drift[0].wanted, "limits");
  EXPECT_EQ(drift[1].setting, "max_age");
  EXPECT_EQ(drift[1].wanted, "1h");
  EXPECT_EQ(drift[2].setting, "max_messages");
  EXPECT_EQ(drift[2].actual, "0");
}

TEST(StreamSettings, FieldsDependOnTheServer) {
  const StreamConfig config{.name = "s", .subjects = {"a"}};
  EXPECT_FALSE(to_json(config, {.version = "2.9.10"}).contains("max_consumers"));
  EXPECT_TRUE(to_json(config, {.version = "2.15.1"}).contains("max_consumers"));
}

TEST(StreamSettings, VersionsAreComparedAsNumbers) {
  EXPECT_TRUE((ServerLevel{.version = "2.9.10"}.before(2, 10)));
  EXPECT_TRUE((ServerLevel{.version = "2.10.27"}.at_least(2, 10)));
  EXPECT_FALSE((ServerLevel{.version = ""}.before(2, 10)));
  EXPECT_FALSE((ServerLevel{.version = ""}.at_least(2, 10)));
}

TEST(StreamSettings, IntersectionOfFilters) {
  EXPECT_EQ(intersect("*.a.x", "work.>"), "work.a.x");
  EXPECT_EQ(intersect("work.>", "work.*.b"), "work.*.b");
  EXPECT_EQ(intersect(">", "a.b"), "a.b");
  EXPECT_EQ(intersect("a.*", "b.*"), std::nullopt);
  EXPECT_EQ(intersect("a", "a.b"), std::nullopt);
  EXPECT_EQ(narrow("*.a", {"work.>", "other.b"}), "work.a");
  EXPECT_EQ(narrow("*.a", {"work.>", "other.>"}), "*.a");
  EXPECT_EQ(narrow(">", {"work.>"}), ">");
}

TEST(StreamSettings, TimesKeepTheirNanoseconds) {
  const SystemTime time(Duration(1767225600000000007));
  EXPECT_EQ(to_start_time(time), "2026-01-01T00:00:00.000000007Z");
}

TEST(PullStatus, Words) {
  using Kind = PullStatus::Kind;
  EXPECT_EQ(pull_status_kind(100, "Idle Heartbeat"), Kind::kHeartbeat);
  EXPECT_EQ(pull_status_kind(404, "No Messages"), Kind::kEnded);
  EXPECT_EQ(pull_status_kind(409, "Batch Completed"), Kind::kEnded);
  EXPECT_EQ(pull_status_kind(409, "Consumer Deleted"), Kind::kDeleted);
  EXPECT_EQ(pull_status_kind(409, "Leadership Change"), Kind::kRetry);
  EXPECT_EQ(pull_status_kind(409, "Server Shutdown"), Kind::kRetry);
  EXPECT_EQ(pull_status_kind(409, "Consumer is push based"), Kind::kFault);
  EXPECT_EQ(pull_status_kind(503, ""), Kind::kNobody);
}

}  // namespace
}  // namespace leat::jetstream
