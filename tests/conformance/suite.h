// What all conformance cases share: a broker of each kind, and waiting that works on a manual clock and on a real one.
//
// The cases are written from the contract in include/leat alone. Something that must happen has kPatience to do so;
// something that must not happen before a time is checked by measured times, so that a slow machine proves nothing
// wrong.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "leat/broker.h"
#include "tests/support/broker_fixture.h"

namespace leat::test {

using namespace std::chrono_literals;

constexpr Duration kPatience = 20s;
constexpr Duration kShortLease = 300ms;
// What two clocks of one machine may differ by when they measure the same wait.
constexpr Duration kClockGrain = 2ms;

class Conformance : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;

  BrokerFixture& fixture() { return *fixture_; }
  Broker& broker() { return *broker_; }
  BrokerAdmin& admin() { return broker_->admin(); }
  const Capabilities& capabilities() { return broker_->capabilities(); }
  // Another broker object on the same storage.
  std::shared_ptr<Broker> open_another() { return fixture_->open(); }
  // Closes the broker and opens it again.
  void reopen();

  SteadyTime now() { return broker_->clock().steady(); }
  // Lets time go by.
  void pass(Duration duration);
  // Asks again and again, letting time go by; false when the answer was not yes within kPatience.
  bool eventually(const std::function<bool()>& happened);

  StreamConfig ensure_work_queue(const std::string& name = "work");
  StreamConfig ensure_limits(const std::string& name = "events");
  void ensure(const StreamConfig& config);

  // Appends one message and returns its sequence.
  std::uint64_t append(const std::string& stream, const std::string& subject, const std::string& payload = "payload");
  Result<Appended> store(const std::string& stream, AppendRequest request);
  // Appends messages with the payloads "0", "1", ... to one subject.
  void append_numbers(const std::string& stream, const std::string& subject, int count);

  std::unique_ptr<Consumer> open_consumer(ConsumerConfig config);
  // The subscription "workers" of a stream, with everything in it.
  std::unique_ptr<Consumer> open_workers(const std::string& stream, Duration ack_wait = 30s);

  // Fetches until `count` deliveries are there or kPatience is over.
  std::vector<Delivery> fetch(Consumer& consumer, std::size_t count);
  // True when nothing is ready now, and nothing comes in a short while.
  bool nothing_comes(Consumer& consumer);
  // One call of fetch, which waits as long on either kind of clock.
  std::vector<Delivery> fetch_once(Consumer& consumer, std::size_t max_count, Duration max_wait);

  // Settles one delivery, confirmed.
  Result<void> settle(Consumer& consumer, const Delivery& delivery, Verdict verdict, Duration delay = 0ms);

  // All that a reader of this configuration returns until its end.
  std::vector<StoredMessage> read_all(const ReaderConfig& config);

 private:
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
};

std::vector<std::string> payloads(const std::vector<Delivery>& deliveries);
std::vector<std::string> payloads(const std::vector<StoredMessage>& messages);
std::vector<std::string> subjects(const std::vector<Delivery>& deliveries);
std::vector<std::string> numbers(int count);

// What must be there; an empty one, and a failure, when it is not.
template <class T>
T present(const Result<std::optional<T>>& found) {
  const std::optional<T>& value = found.value();
  EXPECT_TRUE(value.has_value());
  return value.value_or(T{});
}

// Headers in the order of their names: a broker need not keep theirs.
std::vector<std::pair<std::string, std::string>> sorted(const Headers& headers);

// The name of a failed result's code, or "ok".
template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code()));
}

#define EXPECT_CODE(result, wanted) EXPECT_EQ(::leat::test::code_of(result), ::leat::to_string(wanted))
#define EXPECT_OK(result) EXPECT_EQ(::leat::test::code_of(result), "ok")
#define ASSERT_OK(result) ASSERT_EQ(::leat::test::code_of(result), "ok")

// Runs a suite on every broker at hand.
#define LEAT_ON_EVERY_BROKER(suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(::leat::test::broker_kinds()), \
                           [](const testing::TestParamInfo<std::string>& kind) { return kind.param; })

// Leaves a case out where the broker cannot do what it needs; which cases may be left out is written in skips.cc.
#define LEAT_NEEDS(condition)                                                           \
  do {                                                                                  \
    const bool met = (condition);                                                       \
    EXPECT_EQ(!met, ::leat::test::skip_is_expected(GetParam())) << "skips.cc is wrong"; \
    if (!met) GTEST_SKIP() << "needs " #condition;                                      \
  } while (false)

// Whether skips.cc lists the running case for this kind of broker.
bool skip_is_expected(const std::string& kind);

}  // namespace leat::test
