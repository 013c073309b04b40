// Storing messages: order, one result per message, what is refused.
#include <algorithm>
#include <set>

#include "core/thread.h"
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

class Append : public Conformance {};
LEAT_ON_EVERY_BROKER(Append);

TEST_P(Append, SequencesCountUpFromOne) {
  ensure_limits();
  EXPECT_EQ(append("events", "events.a"), 1u);
  EXPECT_EQ(append("events", "events.b"), 2u);
  EXPECT_EQ(append("events", "events.a"), 3u);
}

TEST_P(Append, BatchKeepsItsOrder) {
  ensure_limits();
  append_numbers("events", "events.a", 500);
  const auto all = read_all({.stream = "events"});
  EXPECT_EQ(payloads(all), numbers(500));
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].sequence, i + 1);
}

TEST_P(Append, EmptyBatchDoesNothing) {
  ensure_limits();
  EXPECT_TRUE(broker().append("events", {}).empty());
}

TEST_P(Append, MessageComesBackAsItWas) {
  ensure_limits();
  Message message{.subject = "events.with-all_kinds/of=characters", .headers = {}, .payload = {}};
  message.headers.set("Leat-Kind", "send_email");
  message.headers.set("second", "a value: with, signs \t and \xc3\xa4");
  for (int byte = 0; byte < 256; ++byte) message.payload.push_back(static_cast<char>(byte));
  const auto before = broker().clock().now();
  ASSERT_OK(store("events", {.message = message}));
  const auto after = broker().clock().now();
  const auto stored = admin().read("events", 1).value();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->subject, message.subject);
  EXPECT_EQ(stored->payload, message.payload);
  EXPECT_EQ(sorted(stored->headers), sorted(message.headers));
  EXPECT_GE(stored->time, before - 1s);
  EXPECT_LE(stored->time, after + 1s);
}

TEST_P(Append, EmptyPayloadIsAMessage) {
  ensure_work_queue();
  append("work", "work.a", "");
  auto consumer = open_workers("work");
  const auto fetched = fetch(*consumer, 1);
  ASSERT_EQ(fetched.size(), 1u);
  EXPECT_EQ(fetched[0].message.payload, "");
  EXPECT_TRUE(fetched[0].message.headers.empty());
}

TEST_P(Append, MessagesSucceedAndFailOneByOne) {
  ensure_limits();
  std::vector<AppendRequest> requests(4);
  requests[0].message.subject = "events.a";
  requests[1].message.subject = "events..a";
  requests[2].message.subject = "events.a";
  requests[2].expected_last = 17;
  requests[3].message.subject = "events.b";
  const auto results = broker().append("events", requests);
  ASSERT_EQ(results.size(), 4u);
  ASSERT_OK(results[0]);
  EXPECT_CODE(results[1], ErrorCode::kInvalidArgument);
  EXPECT_CODE(results[2], ErrorCode::kConflict);
  ASSERT_OK(results[3]);
  EXPECT_EQ(results[0]->sequence, 1u);
  EXPECT_EQ(results[3]->sequence, 2u);
}

TEST_P(Append, UnknownStreamIsNotFound) {
  EXPECT_CODE(store("nothing", {.message = {.subject = "nothing.a"}}), ErrorCode::kNotFound);
}

TEST_P(Append, InvalidSubjectsAreRefused) {
  ensure_limits();
  for (const std::string subject : {"", ".", "events.", ".events", "events..a", "events.a b", "events.*", "events.>",
                                    "events.a*", "events.\n", "events.\t", "elsewhere.a", "events"}) {
    EXPECT_CODE(store("events", {.message = {.subject = subject}}), ErrorCode::kInvalidArgument) << subject;
  }
  EXPECT_EQ(admin().stream("events").value().messages, 0u);
}

TEST_P(Append, InvalidHeadersAreRefused) {
  ensure_limits();
  const std::vector<std::pair<std::string, std::string>> bad{{"", "v"},
                                                             {"a b", "v"},
                                                             {"a:b", "v"},
                                                             {"\xc3\xa4", "v"},
                                                             {"a\n", "v"},
                                                             {"n", ""},
                                                             {"n", "line\nend"},
                                                             {"n", "line\rend"},
                                                             {"n", std::string("z\0", 2)},
                                                             {"n", " v"},
                                                             {"n", "v "},
                                                             {"n", "line\r\nX: y"},
                                                             {std::string(256, 'n'), "v"},
                                                             {"n", std::string(65'536, 'v')}};
  for (const auto& [name, value] : bad) {
    AppendRequest request{.message = {.subject = "events.a"}};
    request.message.headers.set(name, value);
    EXPECT_CODE(store("events", request), ErrorCode::kInvalidArgument) << name << ": " << value.substr(0, 20);
  }
  EXPECT_EQ(admin().stream("events").value().messages, 0u);
}

// Up to what every broker can keep; one of them limits all headers together to 64 KiB.
TEST_P(Append, LongHeadersAreStored) {
  ensure_limits();
  AppendRequest request{.message = {.subject = "events.a"}};
  request.message.headers.set(std::string(255, 'n'), std::string(60'000, 'v'));
  ASSERT_OK(store("events", request));
  EXPECT_EQ(present(admin().read("events", 1)).headers, request.message.headers);
}

TEST_P(Append, MessageOfTheLimitIsStoredAndALargerOneRefused) {
  ensure_limits();
  const std::size_t limit = capabilities().max_message_bytes;
  ASSERT_GE(limit, 100'000u);
  // Each broker encodes headers in its own way, so only the payload's size is exact.
  const std::string largest(limit - 1'000, 'x');
  ASSERT_OK(store("events", {.message = {.subject = "events.a", .headers = {}, .payload = largest}}));
  EXPECT_EQ(present(admin().read("events", 1)).payload.size(), largest.size());
  const std::string larger(limit + 1, 'x');
  const auto refused = store("events", {.message = {.subject = "events.a", .headers = {}, .payload = larger}});
  ASSERT_EQ(code_of(refused), to_string(ErrorCode::kInvalidArgument));
  EXPECT_NE(refused.error().message().find(std::to_string(limit)), std::string::npos) << refused.error().message();
  EXPECT_EQ(admin().stream("events").value().last_sequence, 1u);
}

TEST_P(Append, AnotherBrokerObjectSeesIt) {
  ensure_limits();
  auto other = open_another();
  append("events", "events.a", "first");
  const auto seen = other->admin().read("events", 1).value();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->payload, "first");
}

TEST_P(Append, ManyThreadsGetDistinctSequences) {
  ensure_limits();
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kEach = 50;
  std::vector<std::vector<std::uint64_t>> sequences(kThreads);
  {
    const ThreadPool appenders("append", kThreads, [&](std::size_t i, const std::stop_token&) {
      for (std::size_t n = 0; n < kEach; ++n) sequences[i].push_back(append("events", "events.a"));
    });
  }
  std::set<std::uint64_t> distinct;
  for (const auto& own : sequences) {
    EXPECT_TRUE(std::is_sorted(own.begin(), own.end()));
    distinct.insert(own.begin(), own.end());
  }
  EXPECT_EQ(distinct.size(), kThreads * kEach);
  EXPECT_EQ(*distinct.rbegin(), kThreads * kEach);
}

}  // namespace
}  // namespace leat::test
