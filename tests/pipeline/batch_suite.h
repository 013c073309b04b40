// What the batch consumer's tests share: a broker of each kind, and waiting for something to happen.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/batch_consumer.h"
#include "tests/support/broker_fixture.h"

namespace leat::test {

using namespace std::chrono_literals;

constexpr Duration kPatience = 60s;

// Waits with the machine's clock, and lets time pass meanwhile for the fixture, if there is one.
bool eventually_on(BrokerFixture* fixture, const std::function<bool()>& happened);

class BatchSuite : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;

  BrokerFixture& fixture() { return *fixture_; }
  Broker& broker() { return *broker_; }
  bool eventually(const std::function<bool()>& happened) { return eventually_on(fixture_.get(), happened); }
  // Lets time go by.
  void pass(Duration duration);

  // Appends messages with these payloads to the stream "events", which is there from the beginning.
  void append(const std::vector<std::string>& payloads, const std::string& subject = "events.a");
  void append_numbers(int count);
  ConsumerFacts facts(const std::string& name = "report");

 private:
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
};

// A consumer's run() on a thread of its own.
class BackgroundBatches {
 public:
  BackgroundBatches(Broker& broker, BatchConsumerOptions options, BatchConsumer::Processor processor);
  ~BackgroundBatches() { static_cast<void>(stop().has_value()); }
  BackgroundBatches(const BackgroundBatches&) = delete;
  BackgroundBatches& operator=(const BackgroundBatches&) = delete;

  void request_stop() { stop_.request_stop(); }
  // Requests stop and waits; what run() returned.
  Result<void> stop();
  // Waits until run() returns by itself; a failure, and stopped, when it does not in time.
  Result<void> wait();
  bool ended() const { return ended_; }
  BatchCounts counts() const { return consumer_.counts(); }

 private:
  BatchConsumer consumer_;
  std::stop_source stop_;
  std::atomic<bool> ended_{false};
  Result<void> result_;
  Thread thread_;
};

// The batches that a processor has seen, each as its payloads. Thread-safe.
class SeenBatches {
 public:
  void add(const Batch& batch);
  std::vector<std::vector<std::string>> all() const;
  std::size_t size() const { return all().size(); }
  // How often each payload has been seen.
  std::map<std::string, int> payloads() const;

 private:
  mutable Mutex mutex_;
  std::vector<std::vector<std::string>> batches_ LEAT_GUARDED_BY(mutex_);
};

// Holds processors up until it is opened.
class Barrier {
 public:
  void wait();
  void open();
  std::size_t waiting() const;

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::size_t waiting_ LEAT_GUARDED_BY(mutex_) = 0;
  bool open_ LEAT_GUARDED_BY(mutex_) = false;
};

std::vector<std::string> numbers(int count);

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code()));
}
#define EXPECT_CODE(result, wanted) EXPECT_EQ(::leat::test::code_of(result), ::leat::to_string(wanted))

#define LEAT_ON_EVERY_BROKER(suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(::leat::test::broker_kinds()), \
                           [](const testing::TestParamInfo<std::string>& kind) { return kind.param; })

}  // namespace leat::test
