// Reading without taking.
#include <atomic>

#include "core/mutex.h"
#include "core/thread.h"
#include "tests/conformance/suite.h"

namespace leat::test {
namespace {

using Names = std::vector<std::string>;

class Read : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    ensure_limits();
  }
  std::unique_ptr<Reader> open_reader(const ReaderConfig& config) { return broker().open_reader(config).value(); }
};
LEAT_ON_EVERY_BROKER(Read);

TEST_P(Read, EverythingInOrderThenTheEnd) {
  append_numbers("events", "events.a", 600);
  const auto all = read_all({.stream = "events"});
  EXPECT_EQ(payloads(all), numbers(600));
}

TEST_P(Read, EmptyStreamEndsAtOnce) {
  const SteadyTime before = real_clock().steady();
  EXPECT_TRUE(open_reader({.stream = "events"})->read({.max_wait = 60s}, {}).value().empty());
  EXPECT_LT(real_clock().steady() - before, kPatience);
}

TEST_P(Read, NeverMoreThanAskedFor) {
  append_numbers("events", "events.a", 10);
  auto reader = open_reader({.stream = "events"});
  std::vector<std::string> seen;
  while (true) {
    const auto some = reader->read({.max_count = 3}, {}).value();
    if (some.empty()) break;
    EXPECT_LE(some.size(), 3u);
    for (const auto& payload : payloads(some)) seen.push_back(payload);
  }
  EXPECT_EQ(seen, numbers(10));
}

TEST_P(Read, EndsWithTheMessageThatReachesItsBytes) {
  const std::string payload(10'000, 'x');
  for (int i = 0; i < 9; ++i) append("events", "events.a", payload);
  auto reader = open_reader({.stream = "events"});
  std::size_t seen = 0;
  while (true) {
    const auto some = reader->read({.max_bytes = 25'000}, {}).value();
    if (some.empty()) break;
    EXPECT_LE(some.size(), 3u);
    seen += some.size();
  }
  EXPECT_EQ(seen, 9u);
  EXPECT_EQ(open_reader({.stream = "events"})->read({.max_bytes = 1}, {}).value().size(), 1u);
}

TEST_P(Read, CountsOutOfRangeAreRefused) {
  auto reader = open_reader({.stream = "events"});
  EXPECT_CODE(reader->read({.max_bytes = 0}, {}), ErrorCode::kInvalidArgument);
  EXPECT_CODE(reader->read({.max_count = 0}, {}), ErrorCode::kInvalidArgument);
  EXPECT_CODE(reader->read({.max_count = 10'001}, {}), ErrorCode::kInvalidArgument);
}

TEST_P(Read, FromASequence) {
  append_numbers("events", "events.a", 5);
  EXPECT_EQ(payloads(read_all({.stream = "events", .from_sequence = 0})), numbers(5));
  EXPECT_EQ(payloads(read_all({.stream = "events", .from_sequence = 1})), numbers(5));
  EXPECT_EQ(payloads(read_all({.stream = "events", .from_sequence = 4})), (Names{"3", "4"}));
  EXPECT_TRUE(read_all({.stream = "events", .from_sequence = 6}).empty());
  EXPECT_TRUE(read_all({.stream = "events", .from_sequence = 1'000}).empty());
}

// Work queues are read in another way on JetStream.
TEST_P(Read, ToASequence) {
  ensure_work_queue();
  for (const std::string stream : {"events", "work"}) {
    SCOPED_TRACE(stream);
    append_numbers(stream, stream + ".a", 9);
    const auto read_to = [&](std::uint64_t first, std::uint64_t last) {
      return payloads(read_all({.stream = stream, .from_sequence = first, .last_sequence = last}));
    };
    EXPECT_EQ(read_to(0, 0), numbers(9));
    EXPECT_EQ(read_to(0, 3), numbers(3));
    EXPECT_EQ(read_to(3, 3), Names{"2"});
    EXPECT_EQ(read_to(8, 1'000), (Names{"7", "8"}));
    for (const std::uint64_t gone : {2, 4, 5, 9}) ASSERT_TRUE(admin().remove(stream, gone).value());
    EXPECT_EQ(read_to(1, 5), (Names{"0", "2"}));
    EXPECT_EQ(read_to(4, 5), Names{});
    EXPECT_EQ(read_to(4, 6), Names{"5"});
    EXPECT_EQ(read_to(9, 9), Names{});
    auto reader = open_reader({.stream = stream, .last_sequence = 6});
    EXPECT_EQ(payloads(reader->read({.max_count = 2}, {}).value()), (Names{"0", "2"}));
    EXPECT_EQ(payloads(reader->read({.max_count = 2}, {}).value()), Names{"5"});
    append(stream, stream + ".a", "9");
    EXPECT_EQ(payloads(reader->read({}, {}).value()), Names{});
  }
  EXPECT_CODE(broker().open_reader({.stream = "events", .from_sequence = 7, .last_sequence = 6}),
              ErrorCode::kInvalidArgument);
  EXPECT_CODE(broker().open_reader({.stream = "events", .last_sequence = 6, .follow = true}),
              ErrorCode::kInvalidArgument);
}

TEST_P(Read, FromATime) {
  append("events", "events.a", "0");
  pass(20ms);
  append("events", "events.a", "1");
  append("events", "events.a", "2");
  append("events", "events.a", "3");
  const SystemTime time = present(admin().read("events", 2)).time;
  EXPECT_EQ(payloads(read_all({.stream = "events", .from_time = time})), (Names{"1", "2", "3"}));
  EXPECT_EQ(payloads(read_all({.stream = "events", .from_sequence = 4, .from_time = time})), (Names{"3"}));
  EXPECT_EQ(payloads(read_all({.stream = "events", .from_sequence = 1, .from_time = time})), (Names{"1", "2", "3"}));
  EXPECT_TRUE(read_all({.stream = "events", .from_time = broker().clock().now() + 1h}).empty());
}

TEST_P(Read, Filter) {
  append("events", "events.a.x", "0");
  append("events", "events.b.x", "1");
  append("events", "events.b.y", "2");
  EXPECT_EQ(payloads(read_all({.stream = "events", .filter = "events.*.x"})), (Names{"0", "1"}));
  EXPECT_EQ(payloads(read_all({.stream = "events", .filter = "events.b.>"})), (Names{"1", "2"}));
  EXPECT_EQ(payloads(read_all({.stream = "events", .filter = "events.b.y"})), (Names{"2"}));
  EXPECT_TRUE(read_all({.stream = "events", .filter = "events.c"}).empty());
  EXPECT_CODE(broker().open_reader({.stream = "events", .filter = "events..a"}), ErrorCode::kInvalidArgument);
}

TEST_P(Read, HeadersOnly) {
  AppendRequest request{.message = {.subject = "events.a", .headers = {}, .payload = "payload"}};
  request.message.headers.set("name", "value");
  store("events", request).value();
  append("events", "events.b", "payload");
  const auto all = read_all({.stream = "events", .headers_only = true});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].headers, request.message.headers);
  EXPECT_EQ(all[0].payload, "");
  EXPECT_EQ(all[0].subject, "events.a");
  EXPECT_EQ(all[0].sequence, 1u);
  EXPECT_TRUE(all[1].headers.empty());
  EXPECT_EQ(all[1].payload, "");
}

TEST_P(Read, WholeMessagesComeBackAsTheyWere) {
  AppendRequest request{.message = {.subject = "events.a", .headers = {}, .payload = std::string("a\0b\n", 4)}};
  request.message.headers.set("name", "value");
  store("events", request).value();
  const auto all = read_all({.stream = "events"});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].headers, request.message.headers);
  EXPECT_EQ(all[0].payload, request.message.payload);
  EXPECT_EQ(all[0].time, present(admin().read("events", 1)).time);
}

TEST_P(Read, GoesOnAfterTheEnd) {
  append("events", "events.a", "0");
  auto reader = open_reader({.stream = "events"});
  EXPECT_EQ(reader->read({}, {}).value().size(), 1u);
  EXPECT_TRUE(reader->read({}, {}).value().empty());
  append("events", "events.a", "1");
  EXPECT_EQ(payloads(reader->read({}, {}).value()), (Names{"1"}));
  EXPECT_TRUE(reader->read({}, {}).value().empty());
}

TEST_P(Read, SkipsWhatWasRemoved) {
  append_numbers("events", "events.a", 5);
  ASSERT_TRUE(admin().remove("events", 1).value());
  ASSERT_TRUE(admin().remove("events", 3).value());
  ASSERT_TRUE(admin().remove("events", 5).value());
  EXPECT_EQ(payloads(read_all({.stream = "events"})), (Names{"1", "3"}));
}

TEST_P(Read, FollowingReturnsWhatIsThereFirst) {
  append_numbers("events", "events.a", 5);
  auto reader = open_reader({.stream = "events", .from_sequence = 3, .follow = true});
  std::vector<std::string> seen;
  while (seen.size() < 3) {
    const auto some = reader->read({.max_wait = 10s}, {}).value();
    ASSERT_FALSE(some.empty());
    for (const auto& payload : payloads(some)) seen.push_back(payload);
  }
  EXPECT_EQ(seen, (Names{"2", "3", "4"}));
}

TEST_P(Read, FollowingWakesOnAnAppend) {
  auto reader = open_reader({.stream = "events", .filter = "events.a", .follow = true});
  auto other = open_another();
  auto quickest = Duration::max();
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> began = false;
    SteadyTime received;
    std::string payload;
    auto waiter = start_thread("waiter", [&](const std::stop_token&) {
      began = true;
      const auto some = reader->read({.max_wait = 60s}, {}).value();
      received = real_clock().steady();
      if (some.size() == 1) payload = some[0].payload;
    });
    ASSERT_TRUE(eventually([&] { return began.load(); }));
    sleep_for(real_clock(), 50ms, {});
    const std::vector<AppendRequest> requests{
        {.message = {.subject = "events.b", .headers = {}, .payload = "no"}},
        {.message = {.subject = "events.a", .headers = {}, .payload = std::to_string(round)}}};
    const SteadyTime before = real_clock().steady();
    for (const auto& result : other->append("events", requests)) EXPECT_OK(result);
    waiter.join();
    EXPECT_EQ(payload, std::to_string(round));
    quickest = std::min(quickest, received - before);
  }
  EXPECT_LT(quickest, 1s);
}

TEST_P(Read, FollowingIsEmptyAfterTheWait) {
  auto reader = open_reader({.stream = "events", .follow = true});
  std::atomic<bool> ended = false;
  const SteadyTime before = now();
  auto waiter = start_thread("waiter", [&](const std::stop_token&) {
    EXPECT_TRUE(reader->read({.max_wait = 100ms}, {}).value().empty());
    EXPECT_GE(now() - before, 100ms - kClockGrain);
    ended = true;
  });
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
}

TEST_P(Read, StopEndsTheWait) {
  auto reader = open_reader({.stream = "events", .follow = true});
  std::stop_source stop;
  std::atomic<bool> ended = false;
  auto waiter = start_thread("waiter", [&](const std::stop_token&) {
    EXPECT_TRUE(reader->read({.max_wait = 60s}, stop.get_token()).value().empty());
    ended = true;
  });
  sleep_for(real_clock(), 50ms, {});
  EXPECT_FALSE(ended);
  const SteadyTime before = real_clock().steady();
  stop.request_stop();
  ASSERT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_LT(real_clock().steady() - before, 5s);
}

TEST_P(Read, ChangesNothingForAWorkQueue) {
  ensure_work_queue();
  append_numbers("work", "work.a", 3);
  auto consumer = open_workers("work");
  const auto held = fetch(*consumer, 2);
  ASSERT_OK(settle(*consumer, held.at(1), Verdict::kRetry, 1h));
  // Leased, retrying and waiting alike.
  EXPECT_EQ(payloads(read_all({.stream = "work"})), numbers(3));
  EXPECT_EQ(payloads(read_all({.stream = "work"})), numbers(3));
  const auto fresh = fetch(*consumer, 1);
  EXPECT_EQ(payloads(fresh), (Names{"2"}));
  EXPECT_EQ(fresh.at(0).lease.delivery_count, 1u);
  EXPECT_EQ(admin().consumers("work").value().size(), 1u);
  ASSERT_OK(settle(*consumer, held.at(0), Verdict::kDone));
  EXPECT_EQ(payloads(read_all({.stream = "work"})), (Names{"1", "2"}));
}

TEST_P(Read, MissingStreamIsNotFound) {
  EXPECT_CODE(broker().open_reader({.stream = "nothing"}), ErrorCode::kNotFound);
  append("events", "events.a");
  auto reader = open_reader({.stream = "events"});
  ASSERT_OK(admin().delete_stream("events"));
  EXPECT_CODE(reader->read({}, {}), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace leat::test
