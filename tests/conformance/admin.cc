// Looking into streams and changing single messages by hand.
#include <atomic>
#include <limits>
#include <numeric>
#include <set>

#include "core/thread.h"
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Admin : public Conformance {};
LEAT_ON_EVERY_BROKER(Admin);

TEST_P(Admin, StreamFacts) {
  const SystemTime before = broker().clock().now();
  ensure_limits();
  auto facts = admin().stream("events").value();
  EXPECT_EQ(facts.name, "events");
  EXPECT_GE(facts.created, before - 1s);
  EXPECT_LE(facts.created, broker().clock().now() + 1s);
  EXPECT_EQ(facts.messages, 0u);
  EXPECT_EQ(facts.first_sequence, 0u);
  EXPECT_EQ(facts.last_sequence, 0u);
  append_numbers("events", "events.a", 3);
  append_numbers("events", "events.b", 2);
  ASSERT_TRUE(admin().remove("events", 1).value());
  ASSERT_TRUE(admin().remove("events", 5).value());
  facts = admin().stream("events", "events.a").value();
  EXPECT_EQ(facts.messages, 3u);
  EXPECT_GT(facts.bytes, 3u);
  EXPECT_EQ(facts.first_sequence, 2u);
  EXPECT_EQ(facts.last_sequence, 5u);
  EXPECT_EQ(facts.selected, 2u);
  EXPECT_EQ(admin().stream("events").value().selected, 0u);
  EXPECT_EQ(admin().stream("events", "events.*").value().selected, 3u);
  EXPECT_EQ(admin().stream("events", ">").value().selected, 3u);
  EXPECT_EQ(admin().stream("events", "events.x").value().selected, 0u);
  EXPECT_EQ(admin().stream("events", "events.x.*").value().selected, 0u);
}

TEST_P(Admin, LastSequenceStaysWhenEverythingIsGone) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  EXPECT_EQ(admin().purge("work", ">").value(), 3u);
  const auto facts = admin().stream("work").value();
  EXPECT_EQ(facts.messages, 0u);
  EXPECT_EQ(facts.last_sequence, 3u);
  EXPECT_EQ(append("work", "work.a"), 4u);
}

TEST_P(Admin, MissingStreamIsNotFound) {
  EXPECT_CODE(admin().stream("nothing"), ErrorCode::kNotFound);
  EXPECT_CODE(admin().consumers("nothing"), ErrorCode::kNotFound);
  EXPECT_CODE(admin().read("nothing", 1), ErrorCode::kNotFound);
  EXPECT_CODE(admin().read_last("nothing", "a"), ErrorCode::kNotFound);
  EXPECT_CODE(admin().remove("nothing", 1), ErrorCode::kNotFound);
  EXPECT_CODE(admin().purge("nothing", ">"), ErrorCode::kNotFound);
  EXPECT_CODE(admin().delete_stream("nothing"), ErrorCode::kNotFound);
  EXPECT_CODE(admin().delete_consumer("nothing", "c"), ErrorCode::kNotFound);
}

TEST_P(Admin, ReadBySequence) {
  ensure_limits();
  append_numbers("events", "events.a", 3);
  EXPECT_EQ(present(admin().read("events", 2)).payload, "1");
  EXPECT_EQ(present(admin().read("events", 2)).sequence, 2u);
  EXPECT_FALSE(admin().read("events", 4).value());
  ASSERT_TRUE(admin().remove("events", 2).value());
  EXPECT_FALSE(admin().read("events", 2).value());
}

TEST_P(Admin, ReadTheLastOfASubject) {
  ensure_limits();
  append_numbers("events", "events.a", 3);
  append("events", "events.b", "other");
  EXPECT_EQ(present(admin().read_last("events", "events.a")).payload, "2");
  EXPECT_EQ(present(admin().read_last("events", "events.a")).sequence, 3u);
  EXPECT_FALSE(admin().read_last("events", "events.c").value());
  ASSERT_TRUE(admin().remove("events", 3).value());
  EXPECT_EQ(present(admin().read_last("events", "events.a")).payload, "1");
}

TEST_P(Admin, ReadingTakesNothing) {
  ensure_work_queue();
  append("work", "work.a");
  ASSERT_TRUE(admin().read("work", 1).value());
  ASSERT_TRUE(admin().read_last("work", "work.a").value());
  auto consumer = open_workers("work");
  EXPECT_EQ(fetch(*consumer, 1).at(0).lease.delivery_count, 1u);
}

TEST_P(Admin, RemoveOne) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  EXPECT_TRUE(admin().remove("work", 2).value());
  EXPECT_FALSE(admin().remove("work", 2).value());
  EXPECT_FALSE(admin().remove("work", 4).value());
  auto consumer = open_workers("work");
  EXPECT_EQ(payloads(fetch(*consumer, 2)), (std::vector<std::string>{"0", "2"}));
}

TEST_P(Admin, RemovedWhileLeasedDoesNotComeBack) {
  ensure_work_queue();
  append_numbers("work", "work.a", 2);
  auto consumer = open_workers("work", kShortLease);
  const auto held = fetch(*consumer, 1);
  ASSERT_TRUE(admin().remove("work", held.at(0).lease.sequence).value());
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
  const auto late = settle(*consumer, held.at(0), Verdict::kDone);
  EXPECT_TRUE(late || late.error().code() == ErrorCode::kLeaseLost) << code_of(late);
  EXPECT_EQ(admin().stream("work").value().messages, 1u);
}

TEST_P(Admin, RemovedWhileWaitingForARetryDoesNotComeBack) {
  ensure_work_queue();
  append_numbers("work", "work.a", 2);
  auto consumer = open_workers("work");
  const auto held = fetch(*consumer, 1);
  ASSERT_OK(settle(*consumer, held.at(0), Verdict::kRetry, 200ms));
  ASSERT_TRUE(admin().remove("work", 1).value());
  pass(300ms);
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"1"}));
  EXPECT_TRUE(nothing_comes(*consumer));
}

TEST_P(Admin, PurgeByFilter) {
  ensure_limits();
  append_numbers("events", "events.a.x", 2);
  append_numbers("events", "events.b.x", 3);
  append_numbers("events", "events.b.y", 4);
  EXPECT_EQ(admin().purge("events", "events.*.x").value(), 5u);
  EXPECT_EQ(admin().purge("events", "events.*.x").value(), 0u);
  EXPECT_EQ(admin().stream("events").value().messages, 4u);
  EXPECT_EQ(admin().purge("events", "events.b.y").value(), 4u);
  EXPECT_EQ(admin().purge("events", ">").value(), 0u);
  EXPECT_CODE(admin().purge("events", "events..x"), ErrorCode::kInvalidArgument);
}

TEST_P(Admin, PurgeTakesLeasedMessages) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  append("work", "work.b", "left");
  auto consumer = open_workers("work", kShortLease);
  fetch(*consumer, 2);
  EXPECT_EQ(admin().purge("work", "work.a").value(), 3u);
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"left"}));
  EXPECT_EQ(payloads(fetch(*consumer, 1)), (std::vector<std::string>{"left"}));
  EXPECT_EQ(admin().consumers("work").value().at(0).unsettled, 1u);
}

TEST_P(Admin, ConsumersTellHowFarTheyHaveDelivered) {
  ensure_work_queue();
  auto consumer = open_workers("work", kShortLease);
  EXPECT_EQ(admin().consumers("work").value().at(0).delivered_up_to, 0u);
  append_numbers("work", "work.a", 2);
  EXPECT_EQ(admin().consumers("work").value().at(0).delivered_up_to, 0u);
  fetch(*consumer, 2);
  EXPECT_EQ(admin().consumers("work").value().at(0).delivered_up_to, 2u);
  // A redelivery of an early one does not take it back.
  fetch(*consumer, 1);
  EXPECT_EQ(admin().consumers("work").value().at(0).delivered_up_to, 2u);
}

// "-" where there is no message, the code where the result is an error.
std::vector<std::string> payloads_of(const std::vector<Result<std::optional<StoredMessage>>>& results) {
  std::vector<std::string> texts;
  for (const auto& result : results) {
    texts.push_back(!result ? code_of(result) : *result ? (*result)->payload : "-");
  }
  return texts;
}

std::vector<std::string> texts_of(const std::vector<Result<bool>>& results) {
  std::vector<std::string> texts;
  for (const auto& result : results) texts.push_back(!result ? code_of(result) : *result ? "removed" : "-");
  return texts;
}

using Texts = std::vector<std::string>;
using Sequences = std::vector<std::uint64_t>;

TEST_P(Admin, ReadManyInTheirOrder) {
  ensure_limits();
  append_numbers("events", "events.a", 5);
  ASSERT_TRUE(admin().remove("events", 3).value());
  const Sequences sequences{5, 9, 1, 3, 0, 2, 2, std::numeric_limits<std::uint64_t>::max(), 4};
  EXPECT_EQ(payloads_of(admin().read("events", sequences)), (Texts{"4", "-", "0", "-", "-", "1", "1", "-", "3"}));
}

TEST_P(Admin, ReadManyWithTheirHeaders) {
  ensure_limits();
  AppendRequest request{.message = {.subject = "events.a", .payload = std::string("\0binary\n", 8)}};
  request.message.headers.set("One", "1");
  ASSERT_OK(store("events", request));
  request.message.subject = "events.b";
  request.message.headers.set("Two", "zwei");
  ASSERT_OK(store("events", request));
  const Sequences sequences{2, 1};
  const auto read = admin().read("events", sequences);
  EXPECT_EQ(present(read.at(0)).headers.get("Two"), "zwei");
  EXPECT_EQ(present(read.at(0)).subject, "events.b");
  EXPECT_EQ(present(read.at(1)).sequence, 1u);
  EXPECT_EQ(present(read.at(1)).headers.get("One"), "1");
  EXPECT_FALSE(present(read.at(1)).headers.get("Two"));
  EXPECT_EQ(present(read.at(1)).payload, std::string("\0binary\n", 8));
}

TEST_P(Admin, ReadTheLastOfManySubjects) {
  ensure_limits();
  append_numbers("events", "events.a", 3);
  append_numbers("events", "events.b", 2);
  append_numbers("events", "events.c", 4);
  ASSERT_TRUE(admin().remove("events", 5).value());
  ASSERT_TRUE(admin().remove("events", 8).value());
  const Texts subjects{"events.c", "events.none", "events.a", "events.b", "events.a"};
  EXPECT_EQ(payloads_of(admin().read_last("events", subjects)), (Texts{"3", "-", "2", "0", "2"}));
  ASSERT_TRUE(admin().remove("events", 9).value());
  EXPECT_EQ(payloads_of(admin().read_last("events", subjects)), (Texts{"1", "-", "2", "0", "2"}));
}

TEST_P(Admin, SubjectThatIsNoneIsRefusedAlone) {
  ensure_limits();
  append("events", "events.a", "here");
  const Texts subjects{"events.a", "events.*", "events.a", "", "events..a", ">", "events.b"};
  const std::string refused(to_string(ErrorCode::kInvalidArgument));
  EXPECT_EQ(payloads_of(admin().read_last("events", subjects)),
            (Texts{"here", refused, "here", refused, refused, refused, "-"}));
}

TEST_P(Admin, RemoveManyInTheirOrder) {
  ensure_work_queue();
  append_numbers("work", "work.a", 5);
  const Sequences sequences{4, 9, 1, 4, 0, 2};
  EXPECT_EQ(texts_of(admin().remove("work", sequences)), (Texts{"removed", "-", "removed", "-", "-", "removed"}));
  auto consumer = open_workers("work");
  EXPECT_EQ(payloads(fetch(*consumer, 2)), (Texts{"2", "4"}));
  EXPECT_EQ(admin().stream("work").value().messages, 2u);
}

TEST_P(Admin, EmptyBatches) {
  ensure_limits();
  append("events", "events.a");
  EXPECT_TRUE(admin().read("events", Sequences{}).empty());
  EXPECT_TRUE(admin().read_last("events", Texts{}).empty());
  EXPECT_TRUE(admin().remove("events", Sequences{}).empty());
  EXPECT_TRUE(admin().remove("nothing", Sequences{}).empty());
  EXPECT_EQ(admin().stream("events").value().messages, 1u);
}

TEST_P(Admin, BatchesOnAMissingStream) {
  const Sequences sequences{1, 0, 2};
  const Texts missing(3, std::string(to_string(ErrorCode::kNotFound)));
  EXPECT_EQ(payloads_of(admin().read("nothing", sequences)), missing);
  EXPECT_EQ(payloads_of(admin().read_last("nothing", Texts{"a", "b", "c"})), missing);
  EXPECT_EQ(texts_of(admin().remove("nothing", sequences)), missing);
}

TEST_P(Admin, LargeBatches) {
  constexpr std::size_t kMessages = 5000;
  ensure_limits();
  std::vector<AppendRequest> requests(kMessages);
  Sequences sequences;
  Texts subjects;
  Texts expected;
  for (std::size_t i = 0; i < kMessages; ++i) {
    const std::string number = std::to_string(i);
    requests[i].message = {.subject = "events." + number, .payload = number};
    sequences.insert(sequences.begin() + static_cast<std::ptrdiff_t>(i / 2), i + 1);  // not in their order
  }
  for (const auto& appended : broker().append("events", requests)) ASSERT_OK(appended);
  for (const std::uint64_t sequence : sequences) {
    expected.push_back(std::to_string(sequence - 1));
    subjects.push_back("events." + expected.back());
  }
  EXPECT_EQ(payloads_of(admin().read("events", sequences)), expected);
  EXPECT_EQ(payloads_of(admin().read_last("events", subjects)), expected);
  EXPECT_EQ(texts_of(admin().remove("events", sequences)), Texts(kMessages, "removed"));
  EXPECT_EQ(texts_of(admin().remove("events", sequences)), Texts(kMessages, "-"));
  EXPECT_EQ(payloads_of(admin().read("events", sequences)), Texts(kMessages, "-"));
  EXPECT_EQ(admin().stream("events").value().messages, 0u);
}

// What lies first may be removed all at once: nothing that is stored meanwhile goes with it.
TEST_P(Admin, WhatLiesFirstIsRemovedWhileMoreIsStored) {
  constexpr std::size_t kMessages = 8000;
  constexpr std::size_t kBatch = 40;
  ensure_limits();
  std::atomic<bool> all_stored{false};
  const Thread writer = start_thread("writer", [&](const std::stop_token&) {
    std::vector<AppendRequest> requests(kBatch);
    for (AppendRequest& request : requests) request.message = {.subject = "events.a", .payload = "x"};
    for (std::size_t stored = 0; stored < kMessages; stored += kBatch) {
      for (const auto& appended : broker().append("events", requests)) EXPECT_OK(appended);
    }
    all_stored = true;
  });
  std::size_t removed = 0;
  while (true) {
    const bool is_last_look = all_stored;
    const auto facts = admin().stream("events").value();
    Sequences sequences(facts.messages);
    std::iota(sequences.begin(), sequences.end(), facts.first_sequence);
    for (const auto& result : admin().remove("events", sequences)) removed += result.value() ? 1 : 0;
    if (is_last_look) break;
  }
  EXPECT_EQ(removed, kMessages);
  EXPECT_EQ(admin().stream("events").value().messages, 0u);
}

TEST_P(Admin, RemovalOfWhatLiesFirstLeavesTheOtherLeases) {
  ensure_work_queue();
  append_numbers("work", "work.a", 60);
  auto consumer = open_workers("work", kShortLease);
  const auto held = fetch(*consumer, 40);
  ASSERT_EQ(held.size(), 40u);
  Sequences first(30);
  std::iota(first.begin(), first.end(), 1);
  EXPECT_EQ(texts_of(admin().remove("work", first)), Texts(30, "removed"));
  ASSERT_OK(settle(*consumer, held.at(35), Verdict::kDone));
  std::set<std::string> rest;
  for (int i = 30; i < 60; ++i) rest.insert(std::to_string(i));
  rest.erase("35");
  while (!rest.empty()) {  // the leased ones when their leases have ended
    const auto next = fetch(*consumer, 1);
    ASSERT_EQ(next.size(), 1u) << *rest.begin();
    EXPECT_EQ(rest.erase(next[0].message.payload), 1u) << next[0].message.payload;
    ASSERT_OK(settle(*consumer, next[0], Verdict::kDone));
  }
  EXPECT_EQ(admin().stream("work").value().messages, 0u);
}

// Messages under subjects that were removed so before are kept as any others.
TEST_P(Admin, SubjectsOfWhatWasRemovedAreFree) {
  ASSERT_OK(broker().ensure_stream({.name = "state", .subjects = {"state.>"}, .max_messages_per_subject = 1}));
  std::vector<AppendRequest> requests(2000);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].message = {.subject = "state." + std::to_string(i), .payload = std::string(3000, 'x')};
  }
  for (const auto& appended : broker().append("state", requests)) ASSERT_OK(appended);
  Sequences sequences(1990);
  std::iota(sequences.begin(), sequences.end(), 1);
  EXPECT_EQ(texts_of(admin().remove("state", sequences)), Texts(1990, "removed"));
  for (const auto& appended : broker().append("state", requests)) ASSERT_OK(appended);
  EXPECT_EQ(admin().stream("state").value().messages, 2000u);
}

}  // namespace
}  // namespace leat::test
