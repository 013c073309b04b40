// What the publish/subscribe tests share: a broker of each kind, and waiting for something to happen.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/leat.h"
#include "tests/support/broker_fixture.h"

namespace leat::test {

using namespace std::chrono_literals;

constexpr Duration kPatience = 30s;

class PubSubSuite : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;

  BrokerFixture& fixture() { return *fixture_; }
  Broker& broker() { return *broker_; }
  std::shared_ptr<Broker> open_another() { return fixture_->open(); }
  SteadyTime now() { return broker_->clock().steady(); }

  // A manual clock moves on while this waits, so that leases and retries come due.
  bool eventually(const std::function<bool()>& happened);
  // Lets time go by.
  void pass(Duration duration);

  // A publisher of the stream "orders", which is there when this returns.
  Publisher publisher(PublisherOptions options = {.stream = "orders"});
  // Publishes messages with the payloads "0", "1", ...
  void publish_numbers(Publisher& to, int count, const std::string& subject = "created");
  // Subscribes to "orders".
  Subscriber subscriber(SubscriberOptions options = {.name = "mailer"});
  // The next message; letting time go by until it comes.
  std::optional<ReceivedMessage> next(Subscriber& from);
  // The payloads of so many messages, acknowledged.
  std::vector<std::string> receive(Subscriber& from, std::size_t count);
  // True when nothing comes in a short while.
  bool nothing_comes(Subscriber& from);

  ConsumerFacts facts(const std::string& subscription);

 private:
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
};

// A subscriber's run() on a thread of its own.
class BackgroundRun {
 public:
  BackgroundRun(Subscriber& subscriber, Subscriber::Callback callback, RunOptions options = {});
  ~BackgroundRun() { static_cast<void>(stop().has_value()); }
  BackgroundRun(const BackgroundRun&) = delete;
  BackgroundRun& operator=(const BackgroundRun&) = delete;

  // Requests stop and waits; what run() returned.
  Result<void> stop();
  bool ended() const { return ended_; }

 private:
  std::stop_source stop_;
  std::atomic<bool> ended_{false};
  Result<void> result_;
  Thread thread_;
};

// What callbacks have seen. Thread-safe.
class Seen {
 public:
  void add(std::string_view payload) {
    MutexLock lock(mutex_);
    payloads_.emplace_back(payload);
  }
  std::vector<std::string> all() const {
    MutexLock lock(mutex_);
    return payloads_;
  }
  std::size_t size() const {
    MutexLock lock(mutex_);
    return payloads_.size();
  }
  std::size_t distinct() const {
    const auto some = all();
    return std::set<std::string>(some.begin(), some.end()).size();
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> payloads_ LEAT_GUARDED_BY(mutex_);
};

std::vector<std::string> numbers(int count);
// What was given back comes again in any order.
std::vector<std::string> sorted(std::vector<std::string> payloads);

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code()));
}
#define EXPECT_CODE(result, wanted) EXPECT_EQ(::leat::test::code_of(result), ::leat::to_string(wanted))

#define LEAT_ON_EVERY_BROKER(suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(::leat::test::broker_kinds()), \
                           [](const testing::TestParamInfo<std::string>& kind) { return kind.param; })

}  // namespace leat::test
