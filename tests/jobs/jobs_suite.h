// What the jobs tests share: a broker of each kind, and waiting for something to happen.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "leat/leat.h"
#include "tests/support/broker_fixture.h"

namespace leat::test {

using namespace std::chrono_literals;

class JobsSuite : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;

  BrokerFixture& fixture() { return *fixture_; }
  Broker& broker() { return *broker_; }
  std::shared_ptr<Broker> open_another() { return fixture_->open(); }
  // A manual clock moves on while this waits, so that leases and retries come due.
  bool eventually(const std::function<bool()>& happened);
  // Jobs of kind "number" with the payloads "0", "1", ...; all stored.
  std::vector<JobId> push_numbers(int count, const PushOptions& options = {});
  std::uint64_t messages(const std::string& stream);

 private:
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
};

// Counts how often each numbered job was seen.
class Tally {
 public:
  explicit Tally(int jobs) : seen_(static_cast<std::size_t>(jobs)) {}
  void mark(std::string_view number) { ++seen_.at(std::stoul(std::string(number))); }
  // Each at least `least` and at most `most` times.
  bool all_between(int least, int most) const;
  int total() const;

 private:
  std::vector<std::atomic<int>> seen_;
};

// The role of a worker process: `worker ADDRESS JOBS_TO_HOLD`. Prints "ready", then the payload of each job that it
// begins. Every job blocks until the process ends, so it has that many in hand when it is killed.
int run_blocked_worker(const std::string& address, unsigned concurrency);

// Runs a suite on every broker at hand, or on those that several processes can share.
std::vector<std::string> shared_broker_kinds();
#define LEAT_ON_BROKERS(suite, kinds)                         \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(kinds), \
                           [](const testing::TestParamInfo<std::string>& kind) { return kind.param; })
#define LEAT_ON_EVERY_JOBS_BROKER(suite) LEAT_ON_BROKERS(suite, ::leat::test::broker_kinds())
#define LEAT_ON_EVERY_SHARED_BROKER(suite) LEAT_ON_BROKERS(suite, ::leat::test::shared_broker_kinds())

}  // namespace leat::test
