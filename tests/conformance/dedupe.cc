// Not storing twice: message ids, and expectations about the newest message under a subject.
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Dedupe : public Conformance {
 protected:
  Result<Appended> append_once(const std::string& id, const std::string& subject = "events.a") {
    return store("events", {.message = {.subject = subject}, .message_id = id});
  }
  Result<Appended> append_after(std::uint64_t last, const std::string& stream, const std::string& subject) {
    return store(stream, {.message = {.subject = subject}, .expected_last = last});
  }
};
LEAT_ON_EVERY_BROKER(Dedupe);

TEST_P(Dedupe, SecondMessageWithAnIdIsNotStored) {
  ensure_limits();
  append("events", "events.a");
  const auto first = append_once("one").value();
  EXPECT_FALSE(first.duplicate);
  const auto second = append_once("one", "events.b").value();
  EXPECT_TRUE(second.duplicate);
  EXPECT_EQ(second.sequence, first.sequence);
  EXPECT_FALSE(append_once("two").value().duplicate);
  EXPECT_EQ(admin().stream("events").value().messages, 3u);
}

TEST_P(Dedupe, WithinOneBatch) {
  ensure_limits();
  const AppendRequest request{.message = {.subject = "events.a"}, .message_id = "one"};
  const auto results = broker().append("events", std::vector<AppendRequest>{request, request, request});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_FALSE(results[0].value().duplicate);
  EXPECT_TRUE(results[1].value().duplicate);
  EXPECT_EQ(results[2].value().sequence, results[0].value().sequence);
}

TEST_P(Dedupe, IdsBelongToTheirStream) {
  ensure_limits("events");
  ensure_limits("others");
  EXPECT_FALSE(append_once("one").value().duplicate);
  EXPECT_FALSE(store("others", {.message = {.subject = "others.a"}, .message_id = "one"}).value().duplicate);
}

TEST_P(Dedupe, AnotherBrokerObjectKnowsTheId) {
  ensure_limits();
  append_once("one").value();
  const AppendRequest request{.message = {.subject = "events.a"}, .message_id = "one"};
  EXPECT_TRUE(open_another()->append("events", {&request, 1}).at(0).value().duplicate);
}

TEST_P(Dedupe, IdIsRememberedAfterTheMessageIsRemoved) {
  ensure_limits();
  const auto first = append_once("one").value();
  ASSERT_TRUE(admin().remove("events", first.sequence).value());
  EXPECT_TRUE(append_once("one").value().duplicate);
  EXPECT_EQ(admin().stream("events").value().messages, 0u);
}

TEST_P(Dedupe, IdIsFreeAfterTheWindow) {
  constexpr Duration kWindow = 400ms;
  ensure({.name = "events", .subjects = {"events.>"}, .dedupe_window = kWindow});
  const SteadyTime before = now();
  const auto first = append_once("one").value();
  Appended again;
  ASSERT_TRUE(eventually([&] {
    again = append_once("one").value();
    return !again.duplicate;
  }));
  EXPECT_GT(again.sequence, first.sequence);
  EXPECT_GE(now() - before, kWindow - kClockGrain);
}

TEST_P(Dedupe, RefusedMessageDoesNotUseItsIdUp) {
  ensure_limits();
  const AppendRequest request{.message = {.subject = "events.a"}, .message_id = "one", .expected_last = 5};
  EXPECT_CODE(store("events", request), ErrorCode::kConflict);
  EXPECT_FALSE(append_once("one").value().duplicate);
}

TEST_P(Dedupe, AppendOnlyIfNothingIsUnderTheSubject) {
  ensure_limits();
  ASSERT_OK(append_after(0, "events", "events.a"));
  EXPECT_CODE(append_after(0, "events", "events.a"), ErrorCode::kConflict);
  ASSERT_OK(append_after(0, "events", "events.b"));
  EXPECT_EQ(admin().stream("events").value().messages, 2u);
}

TEST_P(Dedupe, AppendOnlyAfterTheExpectedMessage) {
  ensure_limits();
  const std::uint64_t first = append("events", "events.a");
  append("events", "events.b");
  const auto second = append_after(first, "events", "events.a");
  ASSERT_OK(second);
  EXPECT_CODE(append_after(first, "events", "events.a"), ErrorCode::kConflict);
  EXPECT_OK(append_after(second->sequence, "events", "events.a"));
}

TEST_P(Dedupe, RemovalFreesTheSubject) {
  ensure_limits();
  const auto first = append_after(0, "events", "events.a");
  ASSERT_TRUE(admin().remove("events", first.value().sequence).value());
  EXPECT_OK(append_after(0, "events", "events.a"));
}

TEST_P(Dedupe, SettlingFreesTheSubjectOfAWorkQueue) {
  ensure_work_queue();
  for (const Verdict verdict : {Verdict::kDone, Verdict::kDead}) {
    ASSERT_OK(append_after(0, "work", "work.key"));
    auto consumer = open_workers("work");
    const auto held = fetch(*consumer, 1);
    EXPECT_CODE(append_after(0, "work", "work.key"), ErrorCode::kConflict);
    ASSERT_OK(settle(*consumer, held.at(0), Verdict::kRetry));
    EXPECT_CODE(append_after(0, "work", "work.key"), ErrorCode::kConflict);
    ASSERT_OK(settle(*consumer, fetch(*consumer, 1).at(0), verdict));
    ASSERT_OK(append_after(0, "work", "work.key"));
    ASSERT_EQ(admin().purge("work", ">").value(), 1u);
  }
}

TEST_P(Dedupe, ExpectationWithinOneBatchSeesTheMessagesBefore) {
  ensure_limits();
  const AppendRequest request{.message = {.subject = "events.a"}, .expected_last = 0};
  const auto results = broker().append("events", std::vector<AppendRequest>{request, request});
  EXPECT_OK(results.at(0));
  EXPECT_CODE(results.at(1), ErrorCode::kConflict);
}

TEST_P(Dedupe, RepeatWithIdAndExpectationIsADuplicate) {
  ensure_limits();
  const AppendRequest request{.message = {.subject = "events.a"}, .message_id = "one", .expected_last = 0};
  const auto first = store("events", request).value();
  EXPECT_FALSE(first.duplicate);
  const auto again = store("events", request);
  ASSERT_OK(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->sequence, first.sequence);
  AppendRequest other = request;
  other.message_id = "two";
  EXPECT_CODE(store("events", other), ErrorCode::kConflict);
}

TEST_P(Dedupe, RepeatAfterTheJobIsDoneIsADuplicate) {
  ensure_work_queue();
  const AppendRequest request{.message = {.subject = "work.key"}, .message_id = "one", .expected_last = 0};
  store("work", request).value();
  auto consumer = open_workers("work");
  ASSERT_OK(settle(*consumer, fetch(*consumer, 1).at(0), Verdict::kDone));
  const auto again = store("work", request);
  ASSERT_OK(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(admin().stream("work").value().messages, 0u);
}

}  // namespace
}  // namespace leat::test
