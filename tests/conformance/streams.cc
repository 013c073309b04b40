// Streams, their limits and their retention.
#include <algorithm>

#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Streams : public Conformance {
 protected:
  std::vector<std::string> stored() { return payloads(read_all({.stream = "events"})); }
};
LEAT_ON_EVERY_BROKER(Streams);

TEST_P(Streams, EnsureCreatesOnce) {
  const StreamConfig config{.name = "events", .subjects = {"events.>"}};
  EXPECT_TRUE(broker().ensure_stream(config).value().created);
  append("events", "events.a");
  const auto again = broker().ensure_stream(config).value();
  EXPECT_FALSE(again.created);
  EXPECT_TRUE(again.drift.empty());
  EXPECT_FALSE(open_another()->ensure_stream(config).value().created);
  EXPECT_EQ(admin().stream("events").value().messages, 1u);
}

TEST_P(Streams, EverySettingComesBackWithoutDrift) {
  const StreamConfig config{.name = "events",
                            .subjects = {"events.>", "more.*.x"},
                            .retention = Retention::kWorkQueue,
                            .storage = Storage::kMemory,
                            .max_age = 1h,
                            .max_messages = 1'000,
                            .max_bytes = 1'000'000,
                            .max_messages_per_subject = 10,
                            .dedupe_window = 30s};
  ASSERT_TRUE(broker().ensure_stream(config).value().created);
  const auto again = broker().ensure_stream(config).value();
  for (const Drift& drift : again.drift) {
    ADD_FAILURE() << drift.setting << " wanted " << drift.wanted << " actual " << drift.actual;
  }
}

TEST_P(Streams, DriftIsReportedAndNothingChanged) {
  StreamConfig config{.name = "events", .subjects = {"events.>"}, .max_messages = 3};
  ensure(config);
  config.max_messages = 2;
  config.max_age = 1h;
  config.subjects = {"events.>", "more.>"};
  for (int round = 0; round < 2; ++round) {
    const auto ensured = broker().ensure_stream(config).value();
    EXPECT_FALSE(ensured.created);
    std::vector<std::string> settings;
    for (const Drift& drift : ensured.drift) settings.push_back(drift.setting);
    std::sort(settings.begin(), settings.end());
    EXPECT_EQ(settings, (std::vector<std::string>{"max_age", "max_messages", "subjects"}));
    for (const Drift& drift : ensured.drift) {
      EXPECT_NE(drift.wanted, drift.actual);
      if (drift.setting == "max_messages") {
        EXPECT_EQ(drift.wanted, "2");
        EXPECT_EQ(drift.actual, "3");
      }
    }
  }
  append_numbers("events", "events.a", 5);
  EXPECT_EQ(admin().stream("events").value().messages, 3u);
  EXPECT_FALSE(store("events", {.message = {.subject = "more.a"}}));
}

TEST_P(Streams, OverlappingSubjectsOfTwoStreamsAreRefused) {
  ensure({.name = "events", .subjects = {"events.*.a", "only.this"}});
  for (const std::string subject :
       {"events.>", "events.x.>", "events.b.*", "only.*", "only.>", "only.this", "events.b.a"}) {
    EXPECT_CODE(broker().ensure_stream({.name = "second", .subjects = {"fine.>", subject}}), ErrorCode::kConflict)
        << subject;
  }
  EXPECT_OK(broker().ensure_stream({.name = "second", .subjects = {"events.*.b", "only.that", "events.x"}}));
}

TEST_P(Streams, InvalidConfigurationsAreRefused) {
  const std::vector<StreamConfig> bad{
      {.name = "", .subjects = {"a"}},
      {.name = "a.b", .subjects = {"a"}},
      {.name = "a b", .subjects = {"a"}},
      {.name = "a", .subjects = {}},
      {.name = "a", .subjects = {"a..b"}},
      {.name = "a", .subjects = {"a.>.b"}},
      {.name = "a", .subjects = {"a"}, .max_age = -1s},
      {.name = "a", .subjects = {"a"}, .max_age = 99ms},
      {.name = "a", .subjects = {"a"}, .dedupe_window = 0s},
      {.name = "a", .subjects = {"a"}, .replicas = 0},
      {.name = "a", .subjects = {"a"}, .replicas = 6},
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_CODE(broker().ensure_stream(bad[i]), ErrorCode::kInvalidArgument) << "number " << i;
  }
}

TEST_P(Streams, SubjectsMatchLikeFilters) {
  ensure({.name = "events", .subjects = {"one.*.x", "deep.>", "exact"}});
  for (const std::string subject : {"one.a.x", "deep.a", "deep.a.b.c", "exact"}) {
    EXPECT_OK(store("events", {.message = {.subject = subject}})) << subject;
  }
  for (const std::string subject : {"one.x", "one.a.b.x", "one.a.y", "deep", "exact.a", "exac"}) {
    EXPECT_FALSE(store("events", {.message = {.subject = subject}})) << subject;
  }
}

TEST_P(Streams, WorkQueueDropsWhatIsSettledAndLimitsKeepIt) {
  ensure_work_queue();
  ensure_limits();
  for (const std::string stream : {"work", "events"}) {
    append_numbers(stream, stream + ".a", 2);
    auto consumer = open_workers(stream);
    const auto held = fetch(*consumer, 2);
    ASSERT_OK(settle(*consumer, held.at(0), Verdict::kDone));
    ASSERT_OK(settle(*consumer, held.at(1), Verdict::kDead));
    EXPECT_EQ(admin().stream(stream).value().messages, stream == "work" ? 0u : 2u);
    EXPECT_EQ(admin().stream(stream).value().last_sequence, 2u);
    EXPECT_TRUE(nothing_comes(*consumer));
  }
}

TEST_P(Streams, OldestGoBeyondMaxMessages) {
  ensure({.name = "events", .subjects = {"events.>"}, .max_messages = 3});
  append_numbers("events", "events.a", 5);
  EXPECT_EQ(stored(), (std::vector<std::string>{"2", "3", "4"}));
  EXPECT_EQ(admin().stream("events").value().first_sequence, 3u);
  EXPECT_EQ(append("events", "events.b"), 6u);
}

TEST_P(Streams, OldestGoBeyondMaxBytes) {
  ensure({.name = "events", .subjects = {"events.>"}, .max_bytes = 20'000});
  for (int i = 0; i < 10; ++i) append("events", "events.a", std::string(4'000, static_cast<char>('0' + i)));
  const auto left = stored();
  ASSERT_GE(left.size(), 3u);
  EXPECT_LE(left.size(), 5u);
  EXPECT_EQ(left.back().front(), '9');
  EXPECT_EQ(left.front().front(), static_cast<char>('0' + 10 - left.size()));
}

TEST_P(Streams, OldestOfASubjectGoBeyondItsLimit) {
  ensure({.name = "events", .subjects = {"events.>"}, .max_messages_per_subject = 2});
  append("events", "events.b", "b");
  append_numbers("events", "events.a", 4);
  EXPECT_EQ(stored(), (std::vector<std::string>{"b", "2", "3"}));
}

TEST_P(Streams, LastOneOfASubjectWins) {
  ensure({.name = "events", .subjects = {"events.>"}, .max_messages_per_subject = 1});
  append_numbers("events", "events.a", 3);
  EXPECT_EQ(stored(), (std::vector<std::string>{"2"}));
  const AppendRequest after{.message = {.subject = "events.a", .headers = {}, .payload = "3"}, .expected_last = 3};
  ASSERT_OK(store("events", after));
  EXPECT_EQ(stored(), (std::vector<std::string>{"3"}));
}

TEST_P(Streams, OldMessagesGo) {
  constexpr Duration kAge = 1s;
  ensure({.name = "events", .subjects = {"events.>"}, .max_age = kAge});
  const SteadyTime before = now();
  append("events", "events.a");
  EXPECT_TRUE(eventually([&] { return admin().stream("events").value().messages == 0; }));
  EXPECT_GE(now() - before, kAge - kClockGrain);
  EXPECT_EQ(append("events", "events.a"), 2u);
}

TEST_P(Streams, LimitTakesLeasedMessagesToo) {
  ensure({.name = "events", .subjects = {"events.>"}, .max_messages = 1});
  append("events", "events.a", "0");
  auto consumer = open_workers("events", kShortLease);
  fetch(*consumer, 1);
  append("events", "events.a", "1");
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
  // Only the second comes again: the first one is gone.
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
}

TEST_P(Streams, DeletedStreamIsGoneAndCanBeCreatedAgain) {
  ensure_limits();
  append("events", "events.a");
  ASSERT_OK(admin().delete_stream("events"));
  EXPECT_CODE(admin().stream("events"), ErrorCode::kNotFound);
  EXPECT_CODE(admin().delete_stream("events"), ErrorCode::kNotFound);
  EXPECT_CODE(store("events", {.message = {.subject = "events.a"}}), ErrorCode::kNotFound);
  ensure_limits();
  EXPECT_EQ(append("events", "events.a"), 1u);
}

}  // namespace
}  // namespace leat::test
