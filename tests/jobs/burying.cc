// A job that dies on a broker that fails at one step of its end: it is not lost, is called no more than it should be,
// and leaves one dead letter.
#include "broker/fault_broker.h"
#include "jobs/attempt_record.h"
#include "leat/memory_broker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/watched_broker.h"

namespace leat::test {
namespace {

struct FailingStep {
  enum class When { kFailure, kDeath, kDeathIsRecorded };

  std::string name;
  Operation operation;
  Fault fault;
  When when = When::kDeathIsRecorded;  // what the handler has said, or what is stored, before the operation fails

  bool hides_the_death() const { return when == When::kDeath && fault.kind == Fault::Kind::kFail; }
};

std::vector<FailingStep> steps() {
  using enum Operation;
  using enum FailingStep::When;
  return {{"failure_fails", kKeyWrite, Fault::fail(), kFailure},
          {"failure_answer_lost", kKeyWrite, Fault::lose_answer(), kFailure},
          {"death_fails", kKeyWrite, Fault::fail(), kDeath},
          {"death_answer_lost", kKeyWrite, Fault::lose_answer(), kDeath},
          {"result_fails", kKeyWrite, Fault::fail()},
          {"result_answer_lost", kKeyWrite, Fault::lose_answer()},
          {"letter_fails", kAppend, Fault::fail()},
          {"letter_answer_lost", kAppend, Fault::lose_answer()},
          {"letter_stored_twice", kAppend, Fault::duplicate()},
          {"settling_fails", kSettle, Fault::fail()},
          {"settling_answer_lost", kSettle, Fault::lose_answer()}};
}

// One job in a namespace of its own. Its result is wanted, so that there is a result.
class Burial {
 public:
  Burial(const FailingStep& step, const std::function<std::shared_ptr<Broker>()>& open)
      : step_(step), plain_(open()), faulty_(make_fault_broker(make_watched_broker(open(), view_), faults_)) {
    const PushOptions options{.result = KeepResult::kYes, .max_attempts = 2};
    Queue(*plain_, {.name_space = name_space_}).push(EncodedJob{"die", "1", {}}, options).value();
    records_ = plain_->open_bucket({.name = name_space_.name + "_attempts"}).value();
  }

  Faults& faults() { return faults_; }
  std::unique_ptr<Worker> start(Broker& broker, Duration ack_wait, std::function<Outcome(JobContext&)> handler) const {
    auto worker = std::make_unique<Worker>(broker, WorkerOptions{.concurrency = 1,
                                                                 .retry = RetryPolicy::fixed(1ms),
                                                                 .ack_wait = ack_wait,
                                                                 .scheduler = false,
                                                                 .name_space = name_space_});
    worker->handle("die", std::move(handler));
    worker->start().value();
    return worker;
  }
  Broker& plain() { return *plain_; }
  Broker& faulty() { return *faulty_; }
  // The first attempt of two fails where that is the step, else it says that the job is to die.
  Outcome end(const JobContext& job) const {
    return step_.when == FailingStep::When::kFailure && job.attempt() == 1 ? Outcome::retry("no") : Outcome::dead("no");
  }
  bool is_step(const JobContext& job) const { return step_.when != FailingStep::When::kFailure || job.attempt() == 1; }
  bool has_come() const {
    if (step_.when != FailingStep::When::kDeathIsRecorded) return true;
    const auto records = records_->list("").value();
    return !records.empty() && AttemptRecord::from_json(records.front().value).value().dead;
  }
  bool is_gone() const { return plain_->admin().stream(name_space_.name + "_medium").value().messages == 0; }
  bool leaves_no_record() const { return records_->list("").value().empty(); }
  std::vector<DeadLetter> letters() const { return DeadLetters(*plain_, name_space_).list().value(); }
  JobResult::State result(const JobId& id) const {
    return Results(*plain_, name_space_).wait(id, 10s).value().value().state;
  }

 private:
  const FailingStep& step_;
  const NamespaceOptions name_space_{.name = step_.name};
  DeliveryLog log_;
  BrokerView view_{log_};
  Faults faults_;
  std::shared_ptr<Broker> plain_;
  std::unique_ptr<Broker> faulty_;
  std::unique_ptr<KeyValue> records_;
};

class Burying : public JobsSuite {
 protected:
  // A manual clock would let leases end while a step waits for its second try.
  std::shared_ptr<Broker> open() { return fixture().manual_clock() == nullptr ? open_another() : memory_; }

  void expect_one_letter(const FailingStep& step, Burial& burial) {
    EXPECT_TRUE(eventually([&] { return burial.is_gone(); }));
    const auto letters = burial.letters();
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters.front().payload, "1");
    EXPECT_EQ(letters.front().reason, "dead");
    EXPECT_EQ(letters.front().error, "no");
    EXPECT_EQ(letters.front().attempts, step.when == FailingStep::When::kFailure ? 2U : 1U);
    EXPECT_EQ(burial.result(letters.front().id), JobResult::State::kDead);
    // A worker that does not know that it has settled leaves the record, which no other job's is taken for.
    if (step.operation == Operation::kSettle && step.fault.kind == Fault::Kind::kLoseAnswer) return;
    EXPECT_TRUE(eventually([&] { return burial.leaves_no_record(); }));
  }

 private:
  std::shared_ptr<Broker> memory_ = open_memory_broker();
};

TEST_P(Burying, AStepThatFailsOnceIsTriedAgain) {
  for (const FailingStep& step : steps()) {
    SCOPED_TRACE(step.name);
    Burial burial(step, [this] { return open(); });
    std::atomic<bool> is_to_fail{false};
    burial.faults().before(step.operation, [&](const Call&) {
      return is_to_fail && burial.has_come() && is_to_fail.exchange(false) ? step.fault : Fault::none();
    });
    std::atomic<unsigned> calls{0};
    const auto worker = burial.start(burial.faulty(), 30s, [&](JobContext& job) {
      ++calls;
      is_to_fail = burial.is_step(job);
      return burial.end(job);
    });
    EXPECT_TRUE(eventually([&] { return burial.letters().size() == 1; }));
    EXPECT_TRUE(eventually([&] { return worker->counts().running + worker->counts().unstarted == 0; }));
    worker->stop();
    EXPECT_FALSE(is_to_fail);
    EXPECT_EQ(calls, step.when == FailingStep::When::kFailure ? 2U : 1U);
    expect_one_letter(step, burial);
  }
}

// The worker is cut off at the step for good, as one that died there, and another one has the job when its lease ends.
TEST_P(Burying, AWorkerThatIsCutOffLeavesTheJobToAnother) {
  for (const FailingStep& step : steps()) {
    SCOPED_TRACE(step.name);
    Burial burial(step, [this] { return open(); });
    std::atomic<bool> is_cut_off{false};
    const auto worker = burial.start(burial.faulty(), 500ms, [&](JobContext& job) {
      if (burial.is_step(job)) {
        burial.faults().before(step.operation, [&](const Call&) {
          if (!burial.has_come()) return Fault::none();
          is_cut_off = true;
          return step.fault;
        });
        burial.faults().before(Operation::kExtend, [](const Call&) { return Fault::fail(); });
        burial.faults().before(Operation::kFetch, [](const Call&) { return Fault::freeze(); });
      }
      return burial.end(job);
    });
    ASSERT_TRUE(eventually([&] { return is_cut_off.load(); }));
    std::atomic<unsigned> calls{0};
    const auto other = burial.start(burial.plain(), 500ms, [&](JobContext& job) {
      ++calls;
      return step.when == FailingStep::When::kDeathIsRecorded ? Outcome::done() : burial.end(job);
    });
    EXPECT_TRUE(eventually([&] { return burial.is_gone(); }));
    EXPECT_TRUE(eventually([&] { return worker->counts().running == 0; }));
    other->stop();
    burial.faults().clear();
    burial.faults().release();
    worker->stop();
    if (step.when != FailingStep::When::kFailure) {
      EXPECT_EQ(calls, step.hides_the_death() ? 1U : 0U);
    }
    expect_one_letter(step, burial);
  }
}

LEAT_ON_EVERY_JOBS_BROKER(Burying);

}  // namespace
}  // namespace leat::test
