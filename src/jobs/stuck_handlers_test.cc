// Handlers that go on although their stop tokens have fired are reported, whoever asked them to stop.
#include <gtest/gtest.h>

#include "broker/fault_broker.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "leat/job_control.h"
#include "leat/leat.h"
#include "leat/manual_clock.h"
#include "leat/memory_broker.h"
#include "tests/support/comes_true.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStuckAfter = 10s;
constexpr Duration kLongLease = 1h;

// The lines that say that a handler is stuck.
class StuckLines : public Log {
 public:
  StuckLines() : Log(LogLevel::kError) {}
  std::vector<std::string> lines() const {
    MutexLock lock(mutex_);
    return lines_;
  }

 protected:
  void write(LogLevel, std::string_view message, std::initializer_list<LogField> fields) override {
    if (!message.starts_with("handler is stuck")) return;
    std::string line;
    for (const LogField& field : fields) line += std::string(field.name) + "=" + field.value + " ";
    MutexLock lock(mutex_);
    lines_.push_back(line);
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ LEAT_GUARDED_BY(mutex_);
};

// A worker in whose only job a handler is at it, deaf to its stop token until `go_on_`.
class StuckHandlersTest : public testing::Test {
 protected:
  ~StuckHandlersTest() override { go_on_ = true; }

  void begin(PushOptions push = {}) {
    id_ = Queue(*broker_).push(EncodedJob{"job", "x", {}}, push).value();
    worker_.handle("job", [this](JobContext& job) {
      began_ = true;
      comes_true([&] {
        if (job.stop_token().stop_requested()) reason_ = job.stop_reason();
        return go_on_.load();
      });
      return Outcome::retry("at last");
    });
    ASSERT_TRUE(worker_.start());
    ASSERT_TRUE(comes_true([this] { return began_.load(); }));
  }

  // After `age` it was asked to stop.
  void expect_reports(StopReason reason, const std::string& age, const std::string& later_age) {
    ASSERT_TRUE(comes_true([&] { return reason_ == reason; }));
    EXPECT_EQ(log_.lines().size(), 0U);
    clock_.advance(kStuckAfter);
    ASSERT_TRUE(comes_true([&] { return log_.lines().size() == 1; }));
    clock_.advance(2 * kStuckAfter);
    ASSERT_TRUE(comes_true([&] { return log_.lines().size() == 2; }));
    const std::string job = "job_id=" + id_->str() + " kind=job running_for=";
    EXPECT_EQ(log_.lines()[0], job + age + " worker=w1 ");
    EXPECT_EQ(log_.lines()[1], job + later_age + " worker=w1 ");
    EXPECT_TRUE(comes_true([&] { return worker_.counts().stuck == 2; }));
    EXPECT_NE(metrics_.exposition().find("leat_jobs_stuck_total{queue=\"default\",kind=\"job\"} 2"), std::string::npos);
    go_on_ = true;
    EXPECT_TRUE(comes_true([&] { return worker_.counts().running == 0; }));
    clock_.advance(100 * kStuckAfter);
    worker_.stop();
    EXPECT_EQ(log_.lines().size(), 2U);
  }

  ManualClock clock_;
  Faults faults_;
  StuckLines log_;
  Metrics metrics_;
  std::atomic<bool> began_{false};
  std::atomic<bool> go_on_{false};
  std::atomic<StopReason> reason_{StopReason::kNone};
  std::optional<JobId> id_;
  std::unique_ptr<Broker> broker_ = make_fault_broker(open_memory_broker({.clock = &clock_}), faults_);
  Worker worker_{*broker_,
                 {.concurrency = 1,
                  .stuck_after = kStuckAfter,
                  .ack_wait = kLongLease,
                  .grace = 1s,
                  .scheduler = false,
                  .name = "w1",
                  .log = &log_,
                  .metrics = &metrics_}};
};

TEST_F(StuckHandlersTest, PastItsTimeout) {
  begin({.timeout = 5s});
  clock_.advance(5s);
  expect_reports(StopReason::kTimeout, "15s", "35s");
}

TEST_F(StuckHandlersTest, PastItsDeadline) {
  begin({.deadline = clock_.now() + 5s});
  clock_.advance(5s);
  expect_reports(StopReason::kDeadline, "15s", "35s");
}

// The limit that comes later is no second reason.
TEST_F(StuckHandlersTest, Cancelled) {
  begin({.timeout = 7s});
  clock_.advance(5s);
  ASSERT_TRUE(JobControl(*broker_).cancel(*id_));
  expect_reports(StopReason::kCancelled, "15s", "35s");
}

TEST_F(StuckHandlersTest, WithoutItsLease) {
  begin();
  faults_.before(Operation::kExtend, [](const Call&) { return Fault::fail(ErrorCode::kLeaseLost); });
  clock_.advance(kLongLease / 3);
  expect_reports(StopReason::kLeaseLost, "1210s", "1230s");
}

TEST_F(StuckHandlersTest, OnShutdown) {
  begin();
  const Thread stopping = start_thread("stopping", [this](const std::stop_token&) { worker_.stop(); });
  // By the clock, once the stop has begun to wait for it.
  ASSERT_TRUE(comes_true([this] {
    if (reason_ == StopReason::kNone) clock_.advance(1s);
    return reason_ != StopReason::kNone;
  }));
  ASSERT_TRUE(comes_true([this] {
    clock_.advance(1s);
    return log_.lines().size() == 1;
  }));
  EXPECT_NE(log_.lines().front().find("job_id=" + id_->str()), std::string::npos);
  EXPECT_NE(log_.lines().front().find("worker=w1"), std::string::npos);
  go_on_ = true;
}

}  // namespace
}  // namespace leat::test
