// A pipeline whose stream has messages for others alone, while retention moves on.
#include "broker/fault_broker.h"
#include "leat/memory_broker.h"
#include "leat/testing.h"
#include "tests/pipeline_clickhouse/forwarding_engine.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"

namespace leat::test {
namespace {

class RefusingEngine : public ForwardingEngine {
 public:
  using ForwardingEngine::ForwardingEngine;

  std::atomic<bool> refuses{false};

  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    if (refuses) return Error(ErrorCode::kDenied, "not now");
    return ForwardingEngine::insert(request, std::move(stop));
  }
};

class Idle : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
    table_ = make_numbers_table(engine("front"));
    engine_.emplace(engine("front"));
    broker_->ensure_stream({.name = "events", .subjects = {"events.>"}, .max_messages = 100}).value();
    append_payloads(*broker_, numbers_from(0, 10));
    start();
    ASSERT_TRUE(comes_to(10)) << log_.all();
  }
  void start() {
    auto options = quick("numbers", &log_);
    options.filter = "events.a";
    options.owner_ttl = 24h;
    running_.emplace(*broker_, *engine_, numbers_mapping(*engine_, table_), options);
  }
  bool comes_to(std::uint64_t sequence) {
    return passes_until([&] { return (*running_)->counts().done_up_to >= sequence; });
  }
  bool looks() {
    const auto before = faults_.calls(Operation::kStreamFacts);
    return passes_until([&] { return faults_.calls(Operation::kStreamFacts) > before; });
  }
  bool passes_until(const std::function<bool()>& condition) {
    return comes_true([&] {
      clock_.advance(100ms);
      return condition();
    });
  }
  std::string numbers() { return numbers_in(*engine_, table_); }

  ManualClock clock_;
  Faults faults_;
  std::shared_ptr<Broker> broker_ = make_fault_broker(open_memory_broker({.clock = &clock_}), faults_);
  std::optional<RefusingEngine> engine_;
  std::string table_;
  KeptLog log_;
  std::optional<RunningPipeline> running_;
};

TEST_F(Idle, WhatOthersStoredIsNoLoss) {
  for (int round = 0; round < 10; ++round) {
    append_payloads(*broker_, numbers_from(0, 20), "events.b");
    ASSERT_TRUE(looks());
  }
  append_payloads(*broker_, {"10"});
  ASSERT_TRUE(comes_to(211)) << log_.all();
  EXPECT_FALSE(log_.has("gone before")) << log_.all();
  EXPECT_EQ((*running_)->counts().lost, 0U);
  EXPECT_EQ(numbers(), "11 11 55");
}

TEST_F(Idle, ARangeBehindAGapIsRepeated) {
  append_payloads(*broker_, numbers_from(0, 200), "events.b");
  ASSERT_TRUE(looks());
  ASSERT_TRUE(looks());
  engine_->refuses = true;
  append_payloads(*broker_, {"10"});
  ASSERT_TRUE(passes_until([&] { return running_->ended(); })) << log_.all();
  EXPECT_EQ(running_->wait().error().code(), ErrorCode::kDenied);
  engine_->refuses = false;
  start();
  EXPECT_TRUE(comes_to(211)) << running_->ended() << log_.all();
  EXPECT_EQ(numbers(), "11 11 55");
}

}  // namespace
}  // namespace leat::test
