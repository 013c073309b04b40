// The test kit, as users write their tests with it.
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/json.h"
#include "leat/leat.h"
#include "leat/testing.h"

namespace leat {

struct Mail {
  std::string to;
  static constexpr std::string_view kind = "mail";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Mail, to)

struct Resize {
  int width = 0;
  static constexpr std::string_view kind = "resize";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Resize, width)

namespace {

using namespace std::chrono_literals;
using Then = JobRun::Then;
using State = JobStatus::State;

class TestKitTest : public testing::Test {
 protected:
  std::uint64_t messages(const std::string& stream) { return kit.broker().admin().stream(stream).value().messages; }
  State state(const JobId& id) { return Inspector(kit.broker()).job(id).value().state; }

  TestKit kit;
  Queue queue{kit.broker()};
};

TEST_F(TestKitTest, AJobRunsOnTheCallingThreadWhenItIsToldTo) {
  const auto here = std::this_thread::get_id();
  std::vector<std::string> to;
  kit.handle<Mail>([&](const Mail& mail) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    to.push_back(mail.to);
  });
  const JobId id = queue.push(Mail{"Ada"}).value();
  EXPECT_TRUE(to.empty());
  const JobRun run = kit.run_one().value();
  EXPECT_EQ(to, std::vector<std::string>{"Ada"});
  EXPECT_EQ(run.id, id);
  EXPECT_EQ(run.kind, "mail");
  EXPECT_EQ(run.attempt, 1U);
  EXPECT_EQ(run.then, Then::kDone);
  ASSERT_TRUE(run.outcome);
  EXPECT_EQ(run.outcome->kind(), Outcome::Kind::kDone);
  EXPECT_EQ(messages("leat_medium"), 0U);
}

TEST_F(TestKitTest, WithoutAJobThatIsDueThereIsNothingToRun) {
  EXPECT_EQ(kit.run_one().error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(kit.drain().value().runs.empty());
  queue.push(Mail{"Ada"}).value();
  EXPECT_EQ(kit.run_one("other").error().message(), "no job is due in queue other");
}

TEST_F(TestKitTest, HighPriorityGoesFirstAndTheOrderIsAlwaysTheSame) {
  Queue other(kit.broker(), {.name = "a_queue"});
  std::string order;
  kit.handle<Mail>([&](const Mail& mail) { order += mail.to; });
  queue.push(Mail{"5"}, {.priority = Priority::kLow}).value();
  queue.push(Mail{"3"}).value();
  queue.push(Mail{"4"}).value();
  other.push(Mail{"2"}).value();
  queue.push(Mail{"1"}, {.priority = Priority::kHigh}).value();
  EXPECT_EQ(kit.drain().value().done, 5U);
  EXPECT_EQ(order, "12345");
}

TEST_F(TestKitTest, QueuesAreServedInTheOrderGiven) {
  TestKit ordered({.queues = {"second", "first"}});
  std::string order;
  ordered.handle<Mail>([&](const Mail& mail) { order += mail.to; });
  for (const std::string name : {"first", "second", "third"}) {
    Queue(ordered.broker(), {.name = name}).push(Mail{name.substr(0, 1)}).value();
  }
  EXPECT_EQ(ordered.drain().value().done, 2U);
  EXPECT_EQ(order, "sf");
  EXPECT_EQ(ordered.require_enqueued<Mail>().value().id.queue(), "third");
}

TEST_F(TestKitTest, ARetryComesWhenItIsDueAndTheLastOneIsDead) {
  std::vector<unsigned> attempts;
  kit.handle<Mail>([&](const Mail&, JobContext& context) {
    attempts.push_back(context.attempt());
    throw std::runtime_error("no post today");
  });
  const JobId id = queue.push(Mail{"Ada"}, {.max_attempts = 3, .track = true}).value();
  for (const Duration wait : {1s, 2s}) {
    const JobRun run = kit.run_one().value();
    EXPECT_EQ(run.then, Then::kRetry);
    EXPECT_EQ(run.again_in, wait);  // no jitter
    EXPECT_EQ(run.error, "no post today");
    EXPECT_EQ(kit.require_enqueued<Mail>().value().state, State::kRetrying);
    kit.clock().advance(wait - 100ms);
    EXPECT_FALSE(kit.run_one());
    kit.clock().advance(100ms);
  }
  const JobRun last = kit.run_one().value();
  EXPECT_EQ(attempts, (std::vector<unsigned>{1, 2, 3}));
  EXPECT_EQ(last.attempt, 3U);
  EXPECT_EQ(last.then, Then::kDead);
  EXPECT_EQ(last.dead_reason, "attempts");
  const auto letters = DeadLetters(kit.broker()).list().value();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.front().id, id);
  EXPECT_EQ(letters.front().attempts, 3U);
  EXPECT_EQ(state(id), State::kDead);
}

TEST_F(TestKitTest, EveryOutcomeIsTold) {
  kit.handle<Mail>([](const Mail& mail) {
    if (mail.to == "done") return Outcome::done("sent");
    if (mail.to == "later") return Outcome::retry_after(7s, "busy");
    if (mail.to == "snooze") return Outcome::snooze(9s);
    if (mail.to == "dead") return Outcome::dead("no such address");
    return Outcome::cancelled("unsubscribed");
  });
  const JobId done = queue.push(Mail{"done"}, {.result = KeepResult::kYes}).value();
  for (const std::string to : {"later", "snooze", "dead", "cancelled"}) queue.push(Mail{to}).value();
  queue.push(EncodedJob{"mail", "no json", {}}).value();
  queue.push(EncodedJob{"unheard_of", "", {}}).value();
  const Drained drained = kit.drain().value();
  ASSERT_EQ(drained.runs.size(), 7U) << to_string(drained);
  EXPECT_EQ(Results(kit.broker()).get(done).value()->value, "sent");
  EXPECT_EQ(drained.runs[1].then, Then::kRetry);
  EXPECT_EQ(drained.runs[1].again_in, 7s);
  EXPECT_EQ(drained.runs[2].then, Then::kSnoozed);
  EXPECT_EQ(drained.runs[2].again_in, 9s);
  EXPECT_EQ(drained.runs[3].dead_reason, "dead");
  EXPECT_EQ(drained.runs[3].error, "no such address");
  EXPECT_EQ(drained.runs[4].then, Then::kCancelled);
  EXPECT_EQ(drained.runs[4].error, "unsubscribed");
  EXPECT_EQ(drained.runs[5].dead_reason, "undecodable");
  EXPECT_EQ(drained.runs[6].then, Then::kNoHandler);
  EXPECT_FALSE(drained.runs[6].outcome);
  EXPECT_EQ(drained.done, 1U);
  EXPECT_EQ(drained.retried, 1U);
  EXPECT_EQ(drained.snoozed, 1U);
  EXPECT_EQ(drained.dead, 2U);
  EXPECT_EQ(drained.cancelled, 1U);
  EXPECT_EQ(drained.no_handler, 1U);
  EXPECT_EQ(drained.interrupted, 0U);
  EXPECT_NE(to_string(drained).find(" attempt 1: retry in 7s: busy\n"), std::string::npos) << to_string(drained);
}

TEST_F(TestKitTest, AJobThatNobodyHandlesIsDeadInTheEnd) {
  queue.push(EncodedJob{"unheard_of", "", {}}).value();
  EXPECT_EQ(kit.drain().value().no_handler, 1U);
  kit.clock().advance(1h);
  const JobRun run = kit.run_one().value();
  EXPECT_EQ(run.then, Then::kDead);
  EXPECT_EQ(run.dead_reason, "unknown_kind");
}

TEST_F(TestKitTest, DrainRunsWhatHandlersPushAndWhatWaitedForOthers) {
  int resized = 0;
  kit.handle<Mail>([&](const Mail&) { queue.push(Resize{1}).value(); });
  kit.handle<Resize>([&](const Resize&) { ++resized; });
  const auto ids = push_chain(queue, Mail{"Ada"}, Resize{2}, Resize{3}).value();
  EXPECT_EQ(state(ids[2]), State::kWaiting);
  const Drained drained = kit.drain().value();
  EXPECT_EQ(drained.done, 4U) << to_string(drained);
  EXPECT_EQ(resized, 3);
  EXPECT_EQ(state(ids[2]), State::kDone);
  EXPECT_TRUE(kit.enqueued().value().empty());
}

TEST_F(TestKitTest, WhatWaitedForADeadJobIsCancelled) {
  kit.handle<Mail>([](const Mail&) { return Outcome::dead("no"); });
  const auto ids = push_chain(queue, Mail{"Ada"}, Resize{2}, Resize{3}).value();
  const Drained drained = kit.drain().value();
  EXPECT_EQ(drained.dead, 1U);
  EXPECT_EQ(drained.runs.size(), 1U);
  EXPECT_EQ(state(ids[1]), State::kCancelled);
  EXPECT_EQ(state(ids[2]), State::kCancelled);
}

TEST_F(TestKitTest, AnEndlessChainIsAnErrorAndNoHang) {
  int calls = 0;
  kit.handle<Mail>([&](const Mail& mail) {
    ++calls;
    queue.push(mail).value();
  });
  queue.push(Mail{"Ada"}).value();
  const auto drained = kit.drain({.max_runs = 50});
  EXPECT_EQ(calls, 51);
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().code(), ErrorCode::kFull);
  EXPECT_NE(drained.error().message().find("more than 50 jobs"), std::string::npos) << drained.error().message();
}

TEST_F(TestKitTest, OneQueueIsDrained) {
  kit.handle<Mail>([](const Mail&) {});
  queue.push(Mail{"Ada"}).value();
  Queue(kit.broker(), {.name = "other"}).push(Mail{"Bob"}).value();
  EXPECT_EQ(kit.drain({.queue = "other"}).value().done, 1U);
  EXPECT_EQ(kit.require_enqueued<Mail>().value().job.to, "Ada");
}

TEST_F(TestKitTest, EnqueuedShowsHowAJobWasPushed) {
  const SystemTime deadline = kit.clock().now() + 1h;
  PushOptions options{.priority = Priority::kHigh,
                      .result = KeepResult::kYes,
                      .max_attempts = 7,
                      .retry = RetryPolicy::fixed(3s),
                      .timeout = 20s,
                      .deadline = deadline,
                      .unique = Unique{"an invoice/17"},
                      .track = true};
  options.headers.set("Tenant", "acme");
  const JobId id = queue.push(Mail{"Ada"}, options).value();
  const Enqueued<Mail> mail = kit.require_enqueued<Mail>().value();
  EXPECT_EQ(mail.job.to, "Ada");
  EXPECT_EQ(mail.id, id);
  EXPECT_EQ(mail.kind, "mail");
  EXPECT_EQ(mail.state, State::kPending);
  EXPECT_EQ(mail.enqueued_at, kit.clock().now());
  EXPECT_EQ(mail.headers, options.headers);
  EXPECT_EQ(mail.options.priority, Priority::kHigh);
  EXPECT_EQ(mail.options.lane, Lane::kAddressable);
  EXPECT_EQ(mail.options.result, KeepResult::kYes);
  EXPECT_EQ(mail.options.max_attempts, 7U);
  EXPECT_EQ(mail.options.retry, RetryPolicy::fixed(3s));
  EXPECT_EQ(mail.options.timeout, 20s);
  EXPECT_EQ(mail.options.deadline, deadline);
  ASSERT_TRUE(mail.options.unique);
  EXPECT_EQ(mail.options.unique->key, "an invoice/17");
  EXPECT_TRUE(mail.options.track);

  const JobId child = queue.push(Mail{"Bob"}, {.after = {id}, .if_dead = IfDead::kRun}).value();
  const auto all = kit.enqueued<Mail>().value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].id, child);
  EXPECT_EQ(all[1].job.to, "Bob");
  EXPECT_EQ(all[1].state, State::kWaiting);
  EXPECT_EQ(all[1].options.after, std::vector<JobId>{id});
  EXPECT_EQ(all[1].options.if_dead, IfDead::kRun);
}

TEST_F(TestKitTest, EnqueuedIsFiltered) {
  queue.push(Mail{"Ada"}, {.lane = Lane::kBulk}).value();
  queue.push(Resize{1}).value();
  Queue(kit.broker(), {.name = "other"}).push(Mail{"Bob"}).value();
  EXPECT_EQ(kit.enqueued().value().size(), 3U);
  EXPECT_EQ(kit.enqueued<Mail>().value().size(), 2U);
  EXPECT_EQ(kit.require_enqueued<Mail>({.queue = "default"}).value().options.lane, Lane::kBulk);
  EXPECT_EQ(kit.require_enqueued<Mail>({.queue = "other"}).value().job.to, "Bob");
  EXPECT_EQ(kit.require_enqueued<Mail>().error().code(), ErrorCode::kConflict);
  const auto none = kit.require_enqueued<Resize>({.queue = "other"});
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(none.error().message().find("resize medium.default."), std::string::npos) << none.error().message();
  queue.push(EncodedJob{"resize", "no json", {}}).value();
  EXPECT_EQ(kit.enqueued<Resize>().error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(TestKitTest, WhatRunsDoesNotWait) {
  kit.handle<Mail>([&](const Mail&) { EXPECT_TRUE(kit.enqueued<Mail>().value().empty()); });
  queue.push(Mail{"Ada"}).value();
  EXPECT_EQ(kit.drain().value().done, 1U);
}

TEST_F(TestKitTest, AHandlerCannotRunJobs) {
  kit.handle<Mail>([&](const Mail&) { EXPECT_EQ(kit.run_one().error().code(), ErrorCode::kInvalidArgument); });
  queue.push(Mail{"Ada"}).value();
  queue.push(Mail{"Bob"}).value();
  EXPECT_EQ(kit.drain().value().done, 2U);
}

TEST_F(TestKitTest, AHandlerMayBeReplaced) {
  kit.handle<Mail>([](const Mail&) { throw std::runtime_error("closed"); });
  queue.push(Mail{"Ada"}).value();
  EXPECT_EQ(kit.drain().value().retried, 1U);
  kit.handle<Mail>([](const Mail&) {});
  kit.clock().advance(1s);
  EXPECT_EQ(kit.drain().value().done, 1U);
}

TEST_F(TestKitTest, TheStopTokenHasFiredWhenTheClockHasPassedTheLimit) {
  kit.handle<Mail>(
      [&](const Mail&, JobContext& context) {
        kit.clock().advance(9s);
        EXPECT_FALSE(context.stop_token().stop_requested());
        kit.clock().advance(1min);  // longer than a lease, too
        EXPECT_TRUE(context.stop_token().stop_requested());
        EXPECT_EQ(context.stop_reason(), StopReason::kTimeout);
        return Outcome::retry("stopped");
      },
      {.timeout = 10s});
  queue.push(Mail{"Ada"}).value();
  const JobRun run = kit.run_one().value();
  EXPECT_EQ(run.then, Then::kRetry);
  EXPECT_NE(run.error.find("longer than its limit"), std::string::npos) << run.error;
  EXPECT_EQ(kit.require_enqueued<Mail>().value().attempts, 1U);
}

TEST_F(TestKitTest, AHandlerMayAskForItsLease) {
  kit.handle<Mail>([&](const Mail&, JobContext& context) {
    EXPECT_TRUE(context.extend_lease());
    kit.clock().advance(1min);
    EXPECT_TRUE(context.extend_lease());
  });
  queue.push(Mail{"Ada"}).value();
  EXPECT_EQ(kit.run_one().value().then, Then::kDone);
}

TEST_F(TestKitTest, AJobPastItsDeadlineIsDeadWithoutBeingRun) {
  int calls = 0;
  kit.handle<Mail>([&](const Mail&) { ++calls; });
  queue.push(Mail{"Ada"}, {.deadline = kit.clock().now() + 1min}).value();
  kit.clock().advance(2min);
  const JobRun run = kit.run_one().value();
  EXPECT_EQ(run.dead_reason, "deadline");
  EXPECT_FALSE(run.outcome);
  EXPECT_EQ(calls, 0);
}

TEST_F(TestKitTest, APausedQueueRests) {
  kit.handle<Mail>([](const Mail&) {});
  queue.push(Mail{"Ada"}).value();
  QueueControl control(kit.broker());
  control.pause("default").value();
  EXPECT_TRUE(kit.drain().value().runs.empty());
  control.resume("default").value();
  EXPECT_EQ(kit.drain().value().done, 1U);
}

TEST_F(TestKitTest, AJobIsCancelledWhereverItIs) {
  JobControl control(kit.broker());
  bool stopped = false;
  kit.handle<Mail>([&](const Mail& mail, JobContext& context) {
    if (mail.to == "retrying") return Outcome::retry("not today");
    const SystemTime before = kit.clock().now();
    EXPECT_EQ(control.cancel(context.id()).value().was, CancelResult::Was::kRunning);
    EXPECT_EQ(kit.clock().now(), before);
    stopped = context.stop_token().stop_requested();
    return Outcome::retry("stopped");
  });
  const JobId retrying = queue.push(Mail{"retrying"}).value();
  EXPECT_EQ(kit.run_one().value().then, Then::kRetry);
  EXPECT_EQ(control.cancel(retrying).value().was, CancelResult::Was::kRetrying);
  const JobId pending = queue.push(Mail{"pending"}).value();
  EXPECT_EQ(control.cancel(pending).value().was, CancelResult::Was::kPending);
  const JobId running = queue.push(Mail{"running"}, {.track = true}).value();
  EXPECT_EQ(kit.run_one().value().then, Then::kCancelled);
  EXPECT_TRUE(stopped);
  EXPECT_EQ(state(running), State::kCancelled);
  kit.clock().advance(1h);
  EXPECT_FALSE(kit.run_one());
}

TEST_F(TestKitTest, AJobThatIsRemovedWhileItRunsIsInterrupted) {
  kit.handle<Mail>([&](const Mail&) { EXPECT_EQ(QueueControl(kit.broker()).purge("default").value(), 1U); });
  queue.push(Mail{"Ada"}).value();
  EXPECT_EQ(kit.run_one().value().then, Then::kInterrupted);
}

TEST_F(TestKitTest, AWaitOfTheTestMovesTheClockAndEnds) {
  const JobId id = queue.push(Mail{"Ada"}, {.result = KeepResult::kYes}).value();
  const SystemTime before = kit.clock().now();
  EXPECT_FALSE(Results(kit.broker()).wait(id, 10s).value());
  EXPECT_EQ(kit.clock().now() - before, 10s);
}

TEST_F(TestKitTest, AnAsynchronousHandlerIsWaitedFor) {
  Thread elsewhere;
  kit.handle_async<Mail>([&](Mail mail, Completion completion) {
    elsewhere =
        start_thread("elsewhere", [mail, shared = std::make_shared<Completion>(std::move(completion))](
                                      const std::stop_token&) { shared->finish(Outcome::done("to " + mail.to)); });
  });
  queue.push(Mail{"Ada"}).value();
  const JobRun run = kit.run_one().value();
  EXPECT_EQ(run.then, Then::kDone);
  EXPECT_EQ(run.outcome->text(), "to Ada");
}

TEST_F(TestKitTest, AnEventLoopIsPolledWhileAnAsynchronousHandlerIsUnderWay) {
  std::vector<std::function<void()>> loop;
  TestKit polling({.while_waiting = [&] {
    for (const auto& task : std::exchange(loop, {})) task();
  }});
  polling.handle_async<Mail>([&](const Mail&, Completion completion) {
    loop.emplace_back([&, shared = std::make_shared<Completion>(std::move(completion))] {
      loop.emplace_back([shared] { shared->finish(Outcome::done()); });
    });
  });
  Queue(polling.broker()).push(Mail{"Ada"}).value();
  EXPECT_EQ(polling.drain().value().done, 1U);
}

TEST_F(TestKitTest, AnAsynchronousHandlerThatDoesNotEndIsAnErrorAndToldOfLater) {
  std::optional<Completion> kept;
  TestKit impatient({.patience = 1ms});
  impatient.handle_async<Mail>([&](const Mail&, Completion completion) { kept.emplace(std::move(completion)); });
  const JobId id = Queue(impatient.broker()).push(Mail{"Ada"}).value();
  const auto run = impatient.run_one();
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), ErrorCode::kUnavailable);
  EXPECT_NE(run.error().message().find(id.str()), std::string::npos) << run.error().message();
  kept->finish(Outcome::retry("in the end"));
  const JobRun late = impatient.run_one().value();
  EXPECT_EQ(late.id, id);
  EXPECT_EQ(late.error, "in the end");
}

TEST_F(TestKitTest, BadOptionsAreRefused) {
  kit.handle<Mail>([](const Mail&) {}, {.max_attempts = 0});
  EXPECT_EQ(kit.run_one().error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(TestKit({.queues = {"a b"}}).run_one().error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(TestKit({.worker = {.max_attempts = 0}}).drain().error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(TestKitTest, TheWorkersOptionsCount) {
  TestKit strict({.worker = {.max_attempts = 1, .name_space = {.name = "mine"}}});
  strict.handle<Mail>([](const Mail&) { throw std::runtime_error("no"); });
  Queue(strict.broker(), {.name_space = {.name = "mine"}}).push(Mail{"Ada"}).value();
  EXPECT_EQ(strict.drain().value().dead, 1U);
  EXPECT_EQ(DeadLetters(strict.broker(), {.name = "mine"}).list().value().size(), 1U);
}

TEST_F(TestKitTest, ARealWorkerMayTakeOver) {
  kit.handle<Mail>([](const Mail&) { throw std::runtime_error("closed"); });
  queue.push(Mail{"Ada"}).value();
  EXPECT_EQ(kit.drain().value().retried, 1U);
  kit.clock().advance(1s);
  Worker worker(kit.broker(), {.concurrency = 1});
  worker.handle<Mail>([](const Mail&, JobContext& context) { EXPECT_EQ(context.attempt(), 2U); });
  ASSERT_TRUE(worker.start());
  const SteadyTime until = real_clock().steady() + 20s;
  while (worker.counts().done == 0 && real_clock().steady() < until) leat::sleep_for(real_clock(), 1ms, {});
  EXPECT_EQ(worker.counts().done, 1U);
}

}  // namespace
}  // namespace leat
