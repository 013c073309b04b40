// A start mark stands for an attempt that has begun: what becomes of it decides whether a crash is counted.
#include <gtest/gtest.h>

#include <map>

#include "broker/fault_broker.h"
#include "core/thread.h"
#include "jobs/attempt_record.h"
#include "leat/leat.h"
#include "leat/memory_broker.h"
#include "tests/support/handler_calls.h"
#include "tests/support/keeper_clock.h"
#include "tests/support/watched_broker.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAckWait = 30s;

class StartMarks : public ::testing::Test {
 protected:
  static bool eventually(const std::function<bool()>& happened, Duration patience = 30s) {
    const SteadyTime until = real_clock().steady() + patience;
    while (!happened()) {
      if (real_clock().steady() > until) return false;
      leat::sleep_for(real_clock(), 1ms, {});
    }
    return true;
  }

  // Jobs "0", "1", ... that have been delivered before, each with one attempt: the next one leaves a mark, and a crash
  // that is counted makes it dead.
  std::vector<JobId> push(int count) {
    std::vector<JobId> ids;
    for (int i = 0; i < count; ++i) {
      ids.push_back(Queue(*memory).push(EncodedJob{"job", std::to_string(i), {}}, {.max_attempts = 1}).value());
    }
    const auto consumer = memory->open_consumer(
        {.stream = "leat_medium", .name = "default", .filter = "leat.medium.default.*", .ack_wait = kAckWait});
    const auto deliveries = (*consumer)->fetch({}, {}).value();
    EXPECT_EQ(deliveries.size(), ids.size());
    for (const Delivery& delivery : deliveries) {
      const Settlement back{.lease = delivery.lease, .verdict = Verdict::kRetry};
      EXPECT_TRUE((*consumer)->settle({&back, 1}).front());
    }
    return ids;
  }

  static WorkerOptions options() { return {.concurrency = 2, .ack_wait = kAckWait, .grace = 0ms, .scheduler = false}; }
  // On the broker that can fail. It gets no job before let_fetch().
  std::unique_ptr<Worker> start_worker() {
    faults.before(Operation::kFetch, [this](const Call&) { return may_fetch ? Fault::none() : Fault::freeze(); });
    auto worker = std::make_unique<Worker>(*broker, options());
    worker->handle("job", [&](JobContext& job) {
      return calls.handle(job, nullptr, log.of(std::string(job.payload())).delivered);
    });
    EXPECT_TRUE(worker->start());
    return worker;
  }
  void let_fetch() {
    may_fetch = true;
    faults.release();
  }
  HandlerCalls::Call& next_call() {
    EXPECT_TRUE(eventually([&] { return calls.all().size() == 1; }));
    return *calls.all().at(0);  // throws when there is none
  }

  void every_call_fails() {
    for (std::size_t i = 0; i < kOperations; ++i) {
      const auto operation = static_cast<Operation>(i);
      const auto error = operation == Operation::kExtend ? ErrorCode::kLeaseLost : ErrorCode::kInternal;
      faults.before(operation, [error](const Call&) { return Fault::fail(error); });
    }
  }
  // To the lease keeper's next look, and until it has looked.
  void advance_to_look() {
    std::optional<SteadyTime> look;
    const auto asleep = [&] { return (look = clock.next_look(1)).has_value(); };
    ASSERT_TRUE(eventually(asleep));
    clock.advance(*look - clock.steady());
    ASSERT_TRUE(eventually(asleep));
  }

  AttemptRecord record_of(const JobId& id) {
    const auto entry = memory->open_bucket({.name = "leat_attempts"}).value()->get(id.str()).value();
    return entry ? AttemptRecord::from_json(entry->value).value() : AttemptRecord{};
  }

  KeeperClock clock;
  std::shared_ptr<Broker> memory = open_memory_broker({.clock = &clock});
  DeliveryLog log;
  BrokerView view{log};
  Faults faults;
  std::atomic<bool> may_fetch{false};
  std::unique_ptr<Broker> broker = make_fault_broker(make_watched_broker(memory, view), faults);
  HandlerCalls calls;
};

// A lease that began right after the lease keeper had looked is not given up at the last moment.
TEST_F(StartMarks, AreTakenBackWhenALeaseIsLostAndInTime) {
  const JobId id = push(1).front();
  const auto worker = start_worker();
  advance_to_look();
  clock.advance(1ms);
  let_fetch();
  const SteadyTime begin = clock.steady();
  HandlerCalls::Call& first = next_call();
  ASSERT_TRUE(record_of(id).started);
  faults.before(Operation::kExtend, [](const Call&) { return Fault::fail(); });
  advance_to_look();
  EXPECT_FALSE(calls.are_stopped({&first})) << "one renewal may fail";
  while (clock.steady() < begin + kAckWait * 5 / 6 - kAckWait / 3) advance_to_look();
  ASSERT_TRUE(eventually([&] { return !record_of(id).started; }));
  EXPECT_TRUE(eventually([&] { return calls.are_stopped({&first}); }));
  EXPECT_EQ(record_of(id).interrupted, 1U);
  calls.discount({&first});
  faults.clear();
  clock.advance(kAckWait);
  EXPECT_EQ(next_call().attempt, 1U);
  calls.end();
  ASSERT_TRUE(eventually([&] { return worker->counts().dead == 1; }));
  EXPECT_EQ(DeadLetters(*memory).list().value().front().attempts, 1U);
}

TEST_F(StartMarks, AreTakenBackWhenTheirAnswerIsLost) {
  const JobId id = push(1).front();
  const auto worker = start_worker();
  std::atomic<bool> is_marked{false};
  std::atomic<bool> can_read{true};
  faults.before(Operation::kKeyRead, [&](const Call&) { return can_read ? Fault::none() : Fault::fail(); });
  faults.before(Operation::kKeyWrite, [&](const Call&) {
    can_read = is_marked.exchange(true);
    return can_read ? Fault::none() : Fault::lose_answer();
  });
  let_fetch();
  ASSERT_TRUE(eventually([&] { return log.of("0").settled == 2; }));
  EXPECT_TRUE(calls.all().empty());
  EXPECT_FALSE(record_of(id).started);
  clock.advance(2s);
  EXPECT_EQ(next_call().attempt, 1U);
  calls.end();
}

// The process ends when stop_now() returns.
TEST_F(StartMarks, AreTakenBackByStopNowAlsoWhileTheyAreWritten) {
  std::atomic<bool> is_stopping{false};
  std::atomic<bool> has_stopped{false};
  std::atomic<bool> is_marking{false};
  const JobId id = push(1).front();
  auto worker = start_worker();
  faults.before(Operation::kKeyWrite, [&](const Call&) {
    if (!is_marking.exchange(true)) {
      eventually([&] { return is_stopping.load(); });
      eventually([&] { return has_stopped.load(); }, 200ms);  // which does not wait for it
    }
    return Fault::none();
  });
  let_fetch();
  ASSERT_TRUE(eventually([&] { return is_marking.load(); }));
  is_stopping = true;
  worker->stop_now();
  every_call_fails();
  has_stopped = true;
  calls.end();
  worker.reset();
  EXPECT_FALSE(record_of(id).started);
}

// What only waits for a place or a thread when the worker dies has not crashed.
TEST_F(StartMarks, AreForThoseAloneThatHaveBegun) {
  push(4);
  WorkerOptions one_place = options();
  one_place.async_jobs = 1;
  one_place.name = "dies";
  Worker dying(*broker, one_place);
  std::optional<Completion> kept;  // what comes later is dropped
  std::atomic<bool> is_kept{false};
  dying.handle_async("job", [&](Completion completion) {
    if (!is_kept.exchange(true)) kept.emplace(std::move(completion));
  });
  ASSERT_TRUE(dying.start());
  ASSERT_TRUE(eventually([&] { return dying.counts().started == 1 && dying.counts().running == 3; }));
  every_call_fails();
  view.cut_off();

  Worker other(*memory, options());
  other.handle("job", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(other.start());
  clock.advance(kAckWait);
  EXPECT_TRUE(eventually([&] { return other.counts().done == 3 && other.counts().dead == 1; }))
      << other.counts().done << " done, " << other.counts().dead << " dead";
  kept.reset();
}

// A worker that gets its own lost job again knows better than the record, and waits until that says so too.
TEST_F(StartMarks, ThatCannotBeTakenBackYetAreNoCrash) {
  const JobId id = push(1).front();
  const auto worker = start_worker();
  let_fetch();
  HandlerCalls::Call& first = next_call();
  faults.before(Operation::kExtend, [](const Call&) { return Fault::fail(ErrorCode::kLeaseLost); });
  faults.before(Operation::kKeyWrite, [](const Call&) { return Fault::fail(); });
  advance_to_look();
  ASSERT_TRUE(eventually([&] { return calls.are_stopped({&first}); }));
  calls.discount({&first});
  faults.before(Operation::kExtend, [](const Call&) { return Fault::none(); });
  clock.advance(kAckWait);
  ASSERT_TRUE(eventually([&] { return log.of("0").settled == 3; }));
  EXPECT_TRUE(calls.all().empty());
  EXPECT_TRUE(record_of(id).started);
  faults.clear();
  EXPECT_TRUE(eventually([&] { return !record_of(id).started; }));
  clock.advance(2s);
  EXPECT_EQ(next_call().attempt, 1U);
  calls.end();
}

}  // namespace
}  // namespace leat::test
