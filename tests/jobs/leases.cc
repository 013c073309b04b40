// What a handler knows of its lease, and does for it, when the thread that renews it is cut off: the same on every
// broker.
#include "broker/fault_broker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/shared_broker.h"

namespace leat::test {
namespace {

thread_local bool by_handler = false;

Result<void> extend_lease(JobContext& job) {
  by_handler = true;
  auto extended = job.extend_lease();
  by_handler = false;
  return extended;
}

// A worker whose lease keeper waits in vain, and one that takes what it loses.
class Leases : public JobsSuite {
 protected:
  static constexpr Duration kAckWait = 3s;

  void SetUp() override {
    JobsSuite::SetUp();
    faulty_ = make_fault_broker(std::make_unique<SharedBroker>(open_another()), faults_);
    faults_.before(Operation::kExtend, [](const Call&) { return by_handler ? Fault::none() : Fault::freeze(); });
    make_workers(kAckWait);
    push_numbers(1);
  }
  void TearDown() override {
    release();
    cut_off_.reset();
    other_.reset();
  }

  void make_workers(Duration ack_wait) {
    const WorkerOptions options{.concurrency = 1, .ack_wait = ack_wait};
    cut_off_ = std::make_unique<Worker>(*faulty_, options);
    other_ = std::make_unique<Worker>(broker(), options);
  }
  void release() {
    faults_.clear();
    faults_.release();
  }
  // The other one holds the job, once it has it, until `let_go_`.
  void start_other() {
    other_->handle("number", [this](JobContext&) {
      ++begun_elsewhere_;
      return eventually([this] { return let_go_.load(); }) ? Outcome::done() : Outcome::dead("late");
    });
    const auto started = other_->start();
    ASSERT_TRUE(started) << started.error().message();
  }

  Faults faults_;
  std::unique_ptr<Broker> faulty_;
  std::unique_ptr<Worker> cut_off_;
  std::unique_ptr<Worker> other_;
  std::atomic<int> begun_elsewhere_{0};
  std::atomic<bool> let_go_{false};
};

TEST_P(Leases, AHandlerKeepsItsLeaseWhoeverRenewsItElse) {
  constexpr Duration kLease = 2 * kAckWait;  // a machine that stands still for so long would lose it rightly
  make_workers(kLease);
  std::atomic<int> extended{0};
  cut_off_->handle("number", [&](JobContext& job) {
    const SteadyTime until = broker().clock().steady() + kLease * 3 / 2;
    const bool held = eventually([&] {
      const auto renewed = extend_lease(job);
      EXPECT_TRUE(renewed) << renewed.error().message();
      ++extended;
      return broker().clock().steady() > until;
    });
    return held ? Outcome::done() : Outcome::dead("late");
  });
  ASSERT_TRUE(cut_off_->start());
  ASSERT_TRUE(eventually([&] { return extended > 0; }));
  start_other();
  EXPECT_TRUE(eventually([&] { return cut_off_->counts().done == 1; }));
  EXPECT_GT(extended, 3);
  EXPECT_EQ(begun_elsewhere_, 0);
}

TEST_P(Leases, AHandlerThatAsksLearnsThatItsLeaseIsLost) {
  std::atomic<bool> asked{false};
  cut_off_->handle("number", [&](JobContext& job) {
    start_other();
    EXPECT_TRUE(eventually([&] { return begun_elsewhere_ == 1; }));
    const auto extended = extend_lease(job);
    EXPECT_EQ(extended ? ErrorCode::kInternal : extended.error().code(), ErrorCode::kLeaseLost);
    EXPECT_TRUE(job.stop_token().stop_requested());
    EXPECT_EQ(job.stop_reason(), StopReason::kLeaseLost);
    EXPECT_EQ(extend_lease(job).error().code(), ErrorCode::kLeaseLost);
    asked = true;
    return Outcome::done();
  });
  ASSERT_TRUE(cut_off_->start());
  EXPECT_TRUE(eventually([&] { return asked.load(); }));
  let_go_ = true;
  EXPECT_TRUE(eventually([&] { return other_->counts().done == 1; }));
  release();
  cut_off_->stop();
  EXPECT_EQ(cut_off_->counts().done, 0U);
  EXPECT_EQ(begun_elsewhere_, 1);
}

TEST_P(Leases, AHandlerIsStoppedBeforeAnotherWorkerHasTheJob) {
  make_workers(2 * kAckWait);  // a sixth of it is between the two
  std::atomic<bool> told{false};
  cut_off_->handle("number", [&](JobContext& job) {
    const std::stop_callback stopped(job.stop_token(), [&] { EXPECT_EQ(begun_elsewhere_, 0); });
    start_other();
    told = eventually([&] { return job.stop_token().stop_requested(); });
    EXPECT_EQ(job.stop_reason(), StopReason::kLeaseLost);
    EXPECT_TRUE(eventually([&] { return begun_elsewhere_ == 1; }));
    return Outcome::retry("lost");
  });
  ASSERT_TRUE(cut_off_->start());
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  let_go_ = true;
  EXPECT_TRUE(eventually([&] { return other_->counts().done == 1; }));
}

// Not every broker refuses to extend what another worker has.
TEST_P(Leases, ALateRenewalHidesNoLoss) {
  std::atomic<bool> told{false};
  cut_off_->handle("number", [&](JobContext& job) {
    start_other();
    EXPECT_TRUE(eventually([&] { return begun_elsewhere_ == 1; }));
    release();
    told = eventually([&] { return job.stop_reason() == StopReason::kLeaseLost; });
    return Outcome::retry("lost");
  });
  ASSERT_TRUE(cut_off_->start());
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  let_go_ = true;
  EXPECT_TRUE(eventually([&] { return other_->counts().done == 1; }));
}

TEST_P(Leases, AnAnswerThatDoesNotComeIsNoLoss) {
  cut_off_->handle("number", [&](JobContext& job) {
    faults_.next(Operation::kExtend, Fault::fail());
    EXPECT_EQ(extend_lease(job).error().code(), ErrorCode::kUnavailable);
    EXPECT_FALSE(job.stop_token().stop_requested());
    EXPECT_TRUE(extend_lease(job));
    return Outcome::done();
  });
  ASSERT_TRUE(cut_off_->start());
  EXPECT_TRUE(eventually([&] { return cut_off_->counts().done == 1; }));
}

LEAT_ON_EVERY_JOBS_BROKER(Leases);

}  // namespace
}  // namespace leat::test
