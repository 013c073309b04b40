// The one window in which a tick or a delayed job may run twice (docs/guide/schedules.md): its leader is gone between
// the append and the note that it was made, its job is done, and the broker has forgotten the message id.
#include <future>

#include "broker/fault_broker.h"
#include "jobs/job_streams.h"
#include "leat/job_control.h"
#include "leat/schedules.h"
#include "leat/sqlite_broker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/shared_broker.h"

namespace leat::test {
namespace {

// A leader that reaches the broker no more when it appends, or once it has, as one that is killed there.
class CutOffLeader {
 public:
  enum class When { kBeforeAppend, kAfterAppend };

  explicit CutOffLeader(std::shared_ptr<Broker> broker, When when = When::kAfterAppend)
      : when_(when),
        broker_(make_fault_broker(std::make_unique<SharedBroker>(std::move(broker)), faults_)),
        worker_(*broker_, {.queues = {}, .concurrency = 1, .name = "cut off"}) {
    for (std::size_t i = 0; i < kOperations; ++i) {
      faults_.before(static_cast<Operation>(i), [this](const Call& call) { return fault(call.operation); });
    }
    worker_.start().value();
  }

  bool is_cut_off() const { return cut_off_; }

 private:
  Fault fault(Operation operation) {
    if (appended_) cut_off_ = true;
    if (operation == Operation::kAppend) (when_ == When::kAfterAppend ? appended_ : cut_off_) = true;
    return cut_off_ ? Fault::fail() : Fault::none();
  }

  const When when_;
  std::atomic<bool> appended_{false};
  std::atomic<bool> cut_off_{false};
  Faults faults_;
  std::unique_ptr<Broker> broker_;
  Worker worker_;
};

class DoublingWindow : public JobsSuite {
 protected:
  enum class What { kTick, kDelayedJob };
  enum class By { kJobIsDone, kJobLiesThere };  // when the next leader comes
  enum class Memory { kKept, kLost };           // of message ids

  // The file has a clock that only the test moves too: two minutes are too long to wait for.
  void SetUp() override {
    JobsSuite::SetUp();
    is_sqlite_ = GetParam() == "sqlite";
    if (is_sqlite_) {
      broker_ = open_sqlite_broker(fixture().address().substr(7), {.clock = &clock_}).value();
    } else {
      broker_ = open_another();
    }
  }
  ManualClock* manual_clock() { return is_sqlite_ ? &clock_ : fixture().manual_clock(); }
  bool comes(const std::function<bool()>& happened) {
    return eventually([&] {
      if (is_sqlite_) clock_.advance(5ms);
      return happened();
    });
  }

  void push(What what) {
    if (what == What::kTick) {
      Schedules(*broker_)
          .put({.name = "once", .every = 1s, .repeat = 1, .missed = Schedule::Missed::kAll}, EncodedJob{"tick", "{}"})
          .value();
    } else {
      Queue(*broker_).push(EncodedJob{"tick", "{}"}, {.delay = 50ms}).value();
    }
  }
  bool is_written_down(What what) {
    if (what == What::kTick) return Schedules(*broker_).get("once").value().finished;
    return messages("leat_scheduled") == 0;
  }
  void forget_message_ids() {
    if (manual_clock() != nullptr) return manual_clock()->advance(2min + 1s);
    fixture().stop_server(BrokerFixture::Shutdown::kTerminate);
    fixture().start_server();
    ASSERT_TRUE(eventually([&] { return broker_->admin().stream("leat_medium").has_value(); }));
  }
  // As when the time of its record is over.
  void forget_leader() { open_leader(*broker_, Names({.name = "leat"})).value()->erase("scheduler").value(); }

  JobId push_delayed() { return Queue(*broker_).push(EncodedJob{"tick", "job"}, {.delay = 50ms}).value(); }
  struct PutOff {
    bool believed = false;  // that it waits for the new time
    bool waits = false;
    int runs = 0;
  };
  // What becomes of a job that gets another time while the claim of a leader that was cut off stands.
  PutOff put_off(Duration by, CutOffLeader::When when, By next_comes) {
    const JobId id = push_delayed();
    const CutOffLeader first(broker_, when);
    EXPECT_TRUE(comes([&] { return first.is_cut_off(); }));
    std::atomic<int> runs{0};
    std::atomic<bool> marked{false};
    Worker worker(*broker_, {.concurrency = 1, .scheduler = false});
    worker.handle("tick", [&](JobContext& job) {
      if (job.payload() == "job") {
        ++runs;
      } else {
        marked = true;
      }
      return Outcome::done();
    });
    if (next_comes == By::kJobIsDone) {
      worker.start().value();
      EXPECT_TRUE(comes([&] { return runs == 1 && messages("leat_medium") == 0; }));
    }
    auto believed = std::async(
        std::launch::async, [&] { return JobControl(*broker_).reschedule(id, broker_->clock().now() + by).value(); });
    EXPECT_TRUE(comes([&] { return broker_->admin().stream("leat_scheduled").value().last_sequence == 2; }));
    forget_leader();
    Worker second(*broker_, {.queues = {}, .concurrency = 1, .name = "second"});
    second.start().value();
    EXPECT_TRUE(comes([&] { return believed.wait_for(0s) == std::future_status::ready; }));
    // Moved after all that was due before.
    Queue(*broker_).push(EncodedJob{"tick", "marker"}, {.delay = 1ms}).value();
    if (next_comes == By::kJobLiesThere) worker.start().value();
    EXPECT_TRUE(comes([&] { return marked.load(); }));
    EXPECT_TRUE(comes([&] { return messages("leat_medium") == 0; }));
    const auto waiting = broker_->admin().read_last("leat_scheduled", "leat.scheduled." + id.str());
    return {.believed = believed.get(), .waits = waiting.value().has_value(), .runs = runs};
  }

  // How often the job runs.
  int runs(What what, By by, Memory memory) {
    push(what);
    const CutOffLeader first(broker_);
    EXPECT_TRUE(comes([&] { return first.is_cut_off(); }));
    EXPECT_TRUE(comes([&] { return messages("leat_medium") == 1; }));
    EXPECT_FALSE(is_written_down(what));
    std::atomic<int> ran{0};
    Worker worker(*broker_, {.concurrency = 1, .scheduler = false});
    worker.handle("tick", [&](JobContext&) {
      ++ran;
      return Outcome::done();
    });
    const auto run_what_lies_there = [&] { return comes([&] { return messages("leat_medium") == 0; }); };
    if (by == By::kJobIsDone) {
      worker.start().value();
      EXPECT_TRUE(run_what_lies_there());
      EXPECT_EQ(ran, 1);
    }
    if (memory == Memory::kLost) forget_message_ids();
    forget_leader();
    Worker second(*broker_, {.queues = {}, .concurrency = 1, .name = "second"});
    second.start().value();
    EXPECT_TRUE(comes([&] { return is_written_down(what); }));
    if (by == By::kJobLiesThere) worker.start().value();
    EXPECT_TRUE(run_what_lies_there());
    worker.stop();
    return ran;
  }

  bool is_sqlite_ = false;
  ManualClock clock_;
  std::shared_ptr<Broker> broker_;
};

TEST_P(DoublingWindow, ATickRunsOnceWhileItsMessageIdIsRemembered) {
  EXPECT_EQ(runs(What::kTick, By::kJobIsDone, Memory::kKept), 1);
}

TEST_P(DoublingWindow, ATickRunsOnceWhileItsJobLiesThere) {
  EXPECT_EQ(runs(What::kTick, By::kJobLiesThere, Memory::kLost), 1);
}

TEST_P(DoublingWindow, ATickRunsTwiceWhenItsJobIsDoneAndItsMessageIdForgotten) {
  EXPECT_EQ(runs(What::kTick, By::kJobIsDone, Memory::kLost), 2);
}

TEST_P(DoublingWindow, ADelayedJobRunsOnceWhileItsMessageIdIsRemembered) {
  EXPECT_EQ(runs(What::kDelayedJob, By::kJobIsDone, Memory::kKept), 1);
}

TEST_P(DoublingWindow, ADelayedJobRunsOnceWhileItLiesInItsQueue) {
  EXPECT_EQ(runs(What::kDelayedJob, By::kJobLiesThere, Memory::kLost), 1);
}

TEST_P(DoublingWindow, ADelayedJobRunsTwiceWhenItIsDoneAndItsMessageIdForgotten) {
  EXPECT_EQ(runs(What::kDelayedJob, By::kJobIsDone, Memory::kLost), 2);
}

TEST_P(DoublingWindow, AJobThatALeaderHadPutIntoItsQueueIsNotPutOff) {
  const PutOff was = put_off(1h, CutOffLeader::When::kAfterAppend, By::kJobLiesThere);
  EXPECT_FALSE(was.believed);
  EXPECT_FALSE(was.waits);
  EXPECT_EQ(was.runs, 1);
}

TEST_P(DoublingWindow, AJobThatALeaderHadPutIntoItsQueueAndThatIsDoneIsNotPutOff) {
  const PutOff was = put_off(1h, CutOffLeader::When::kAfterAppend, By::kJobIsDone);
  EXPECT_FALSE(was.believed);
  EXPECT_FALSE(was.waits);
  EXPECT_EQ(was.runs, 1);
}

TEST_P(DoublingWindow, AJobThatALeaderHadPutIntoItsQueueRunsOnceThoughItIsPromoted) {
  const PutOff was = put_off(0s, CutOffLeader::When::kAfterAppend, By::kJobIsDone);
  EXPECT_TRUE(was.believed);
  EXPECT_FALSE(was.waits);
  EXPECT_EQ(was.runs, 1);
}

TEST_P(DoublingWindow, AJobThatALeaderHadOnlyClaimedIsNotPutOff) {
  const PutOff was = put_off(1h, CutOffLeader::When::kBeforeAppend, By::kJobLiesThere);
  EXPECT_FALSE(was.believed);
  EXPECT_FALSE(was.waits);
  EXPECT_EQ(was.runs, 1);
}

// Its earlier message is claimed at the time that it had.
TEST_P(DoublingWindow, AJobThatWasPutOffBeforeItWasClaimedIsPutOff) {
  const JobId id = push_delayed();
  JobControl control(*broker_);
  ASSERT_TRUE(control.reschedule(id, broker_->clock().now() + 1h).value());
  const SystemTime then = broker_->clock().now();
  ASSERT_TRUE(comes([&] { return broker_->clock().now() - then > 2ms; }));
  ASSERT_TRUE(open_leader(*broker_, Names({.name = "leat"})).value()->put("claims", R"({"version":1,"claimed":[1]})"));
  Worker second(*broker_, {.queues = {}, .concurrency = 1, .name = "second"});
  ASSERT_TRUE(second.start());
  push_delayed();
  EXPECT_TRUE(comes([&] { return messages("leat_medium") == 1; }));
  EXPECT_TRUE(comes([&] { return messages("leat_scheduled") == 1; }));
  EXPECT_TRUE(control.promote(id).value());
  EXPECT_TRUE(comes([&] { return messages("leat_medium") == 2; }));
}

LEAT_ON_EVERY_JOBS_BROKER(DoublingWindow);

}  // namespace
}  // namespace leat::test
