// Jobs that wait for other jobs.
#include <random>
#include <set>

#include "broker/fault_broker.h"
#include "leat/job_control.h"
#include "leat/queue_control.h"
#include "leat/raw.h"
#include "leat/workflow.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/shared_broker.h"

namespace leat::test {
namespace {

using State = JobStatus::State;

// The order in which jobs ran, by their payloads.
class Diary {
 public:
  void write(std::string_view line) {
    MutexLock lock(mutex_);
    lines_.emplace_back(line);
  }
  std::vector<std::string> lines() const {
    MutexLock lock(mutex_);
    return lines_;
  }
  std::size_t count(std::string_view line) const {
    const auto all = lines();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), line));
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ LEAT_GUARDED_BY(mutex_);
};

struct Step : RawJob<> {
  static constexpr std::string_view kind = "step";
};

class Depending : public JobsSuite {
 protected:
  static EncodedJob job(std::string payload) { return {"step", std::move(payload), {}}; }
  // Runs steps: those whose payload begins with "bad" are dead at once.
  std::unique_ptr<Worker> start_worker(WorkerOptions options = {.concurrency = 2}) {
    auto worker = std::make_unique<Worker>(broker(), std::move(options));
    worker->handle("step", [this](JobContext& context) {
      diary.write(context.payload());
      return context.payload().starts_with("bad") ? Outcome::dead("it is bad") : Outcome::done();
    });
    worker->start().value();
    return worker;
  }
  JobId push(std::string payload, const PushOptions& options = {.track = true}) {
    return Queue(broker()).push(job(std::move(payload)), options).value();
  }
  State state(const JobId& id) { return Inspector(broker()).job(id).value().state; }
  bool becomes(const JobId& id, State wanted) {
    return eventually([&] { return state(id) == wanted; });
  }

  Diary diary;
};

TEST_P(Depending, AChainRunsInOrder) {
  Queue queue(broker());
  const auto ids = push_chain(queue, {job("one"), job("two"), job("three")}, {.result = KeepResult::kYes}).value();
  EXPECT_EQ(state(ids[0]), State::kPending);
  EXPECT_EQ(state(ids[1]), State::kWaiting);
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(ids[2], State::kDone));
  EXPECT_EQ(diary.lines(), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(Results(broker()).get(ids[2]).value()->state, JobResult::State::kDone);
  EXPECT_EQ(messages("leat_scheduled"), 0U);
}

TEST_P(Depending, AGroupsCallbackRunsOnceWhenAllHaveEnded) {
  const auto worker = start_worker();
  Queue queue(broker());
  std::vector<Result<EncodedJob>> members;
  for (int i = 0; i < 20; ++i) members.emplace_back(job(i == 7 ? "bad" : "member"));
  const Group group = push_group(queue, std::move(members), job("callback")).value();
  EXPECT_TRUE(becomes(group.callback, State::kDone));
  const auto lines = diary.lines();
  ASSERT_EQ(lines.size(), 21U);
  EXPECT_EQ(lines.back(), "callback");
  EXPECT_EQ(state(group.members[7]), State::kDead);
}

TEST_P(Depending, AGroupsCallbackRunsWhateverElseItsOptionsSay) {
  Queue queue(broker());
  const Group group =
      push_group(queue, std::vector{Step{{"bad"}}, Step{{"member"}}}, Step{{"callback"}}, {.priority = Priority::kHigh})
          .value();
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(group.callback, State::kDone));
  EXPECT_EQ(state(group.members[0]), State::kDead);
}

TEST_P(Depending, ChainsAndGroupsOfTypedJobsHaveOptions) {
  Queue queue(broker());
  const PushOptions options{.priority = Priority::kHigh, .result = KeepResult::kYes};
  const auto chain = push_chain(queue, options, Step{{"one"}}, Step{{"two"}}).value();
  const Group group = push_group(queue, std::vector{Step{{"bad"}}, Step{{"member"}}}, Step{{"callback"}},
                                 {.priority = Priority::kLow, .if_dead = IfDead::kCancel})
                          .value();
  EXPECT_EQ(chain[1].priority(), Priority::kHigh);
  EXPECT_EQ(group.members[0].priority(), Priority::kLow);
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(chain[1], State::kDone));
  EXPECT_TRUE(becomes(group.callback, State::kCancelled));
  EXPECT_TRUE(Results(broker()).get(chain[0]).value());
}

TEST_P(Depending, ADelayIsThatOfAChainsFirstJobAndOfAGroupsMembers) {
  Queue queue(broker());
  const auto chain = push_chain(queue, {job("one"), job("two")}, {.delay = 1h}).value();
  const Group group = push_group(queue, {job("member"), job("member")}, job("callback"), {.delay = 1h}).value();
  EXPECT_EQ(state(chain[0]), State::kScheduled);
  EXPECT_EQ(state(chain[1]), State::kWaiting);
  EXPECT_EQ(state(group.members[1]), State::kScheduled);
  EXPECT_EQ(state(group.callback), State::kWaiting);
  const auto worker = start_worker();
  for (const JobId& id : {chain[0], group.members[0], group.members[1]}) {
    EXPECT_TRUE(JobControl(broker()).promote(id).value());
  }
  EXPECT_TRUE(becomes(chain[1], State::kDone));
  EXPECT_TRUE(becomes(group.callback, State::kDone));
}

TEST_P(Depending, ChainsAndGroupsThatCannotBeStoredLeaveNothing) {
  push("stored");
  Queue queue(broker());
  const PushOptions unique{.unique = Unique{"key"}};
  EXPECT_EQ(push_chain(queue, {job("one"), job("two")}, unique).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(push_group(queue, {job("member")}, job("callback"), unique).error().code(), ErrorCode::kInvalidArgument);
  const std::vector<Result<EncodedJob>> members(10, job("member"));
  const auto refused = push_group(queue, members, job(std::string(queue.max_payload() - 300, 'c')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message().find("make several groups"), std::string::npos) << refused.error().message();
  EXPECT_EQ(messages("leat_medium"), 1U);
  EXPECT_EQ(messages("leat_scheduled"), 0U);
}

TEST_P(Depending, WhatWaitsForADeadJobIsCancelledAndSoIsWhatWaitsForIt) {
  const JobId bad = push("bad");
  const JobId child = push("child", {.result = KeepResult::kYes, .track = true, .after = {bad}});
  const JobId grandchild = push("grandchild", {.track = true, .after = {child}});
  const JobId tough = push("tough", {.track = true, .after = {child}, .if_dead = IfDead::kRun});
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(tough, State::kDone));
  EXPECT_TRUE(becomes(grandchild, State::kCancelled));
  EXPECT_EQ(state(child), State::kCancelled);
  EXPECT_EQ(diary.lines(), (std::vector<std::string>{"bad", "tough"}));
  const auto result = Results(broker()).get(child).value();
  ASSERT_TRUE(result);
  EXPECT_NE(result->error.find(bad.str()), std::string::npos) << result->error;
}

TEST_P(Depending, ParentsThatHaveEndedCount) {
  const auto worker = start_worker();
  const JobId done = push("done");
  const JobId bad = push("bad");
  ASSERT_TRUE(becomes(done, State::kDone));
  ASSERT_TRUE(becomes(bad, State::kDead));
  EXPECT_TRUE(becomes(push("child", {.track = true, .after = {done}}), State::kDone));
  EXPECT_TRUE(becomes(push("never", {.track = true, .after = {done, bad}}), State::kCancelled));
  EXPECT_EQ(diary.count("never"), 0U);
}

TEST_P(Depending, ParentsMayEndWhileNobodyLeads) {
  const JobId parent = push("parent");
  const JobId child = push("child", {.track = true, .after = {parent}});
  const auto follower = start_worker({.concurrency = 1, .scheduler = false});
  ASSERT_TRUE(becomes(parent, State::kDone));
  EXPECT_EQ(state(child), State::kWaiting);
  const auto leader = start_worker({.concurrency = 1});
  EXPECT_TRUE(becomes(child, State::kDone));
}

TEST_P(Depending, AnotherWorkerLeadsWhenTheLeaderStops) {
  auto first = start_worker({.concurrency = 1});
  const auto second = start_worker({.concurrency = 1});
  for (int round = 0; round < 3; ++round) {
    const JobId parent = push("parent");
    const JobId child = push("child", {.track = true, .after = {parent}});
    if (round == 1) first->stop();
    EXPECT_TRUE(becomes(child, State::kDone)) << round;
  }
  EXPECT_EQ(diary.count("child"), 3U);
}

TEST_P(Depending, BadParentsAreRefused) {
  Queue queue(broker());
  const JobId unknown(Priority::kMedium, "default", "01J9ZK3V8N4Q0X5T7R2M6B1C3D");
  EXPECT_EQ(queue.push(job("a"), {.after = {unknown}}).error().code(), ErrorCode::kNotFound);
  const JobId loose = push("loose", {});
  const auto untracked = queue.push(job("a"), {.after = {loose}});
  EXPECT_EQ(untracked.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(untracked.error().message().find("not tracked"), std::string::npos) << untracked.error().message();
  const JobId good = push("good");
  EXPECT_EQ(queue.push(job("a"), {.lane = Lane::kBulk, .after = {good}}).error().code(), ErrorCode::kInvalidArgument);
  const JobId itself = push("itself", {.unique = Unique{"me"}, .track = true});
  const auto own = queue.push(job("a"), {.unique = Unique{"me"}, .track = true, .after = {itself}});
  EXPECT_NE(own.error().message().find("cannot wait for itself"), std::string::npos) << own.error().message();
  EXPECT_EQ(messages("leat_scheduled"), 0U);
}

TEST_P(Depending, ACycleIsRefused) {
  // b waits for a, and c for b. While nobody leads, a ends and its key is free: now a must not wait for c.
  const PushOptions a{.unique = Unique{"a"}, .track = true};
  const JobId first = push("a", a);
  const JobId b = push("b", {.track = true, .after = {first}});
  const JobId c = push("c", {.track = true, .after = {b}});
  const auto worker = start_worker({.concurrency = 1, .scheduler = false});
  ASSERT_TRUE(becomes(first, State::kDone));
  const auto refused = Queue(broker()).push(job("a"), {.unique = Unique{"a"}, .track = true, .after = {c}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message().find("wait for itself"), std::string::npos) << refused.error().message();
}

TEST_P(Depending, AUniqueJobThatWaitsHoldsItsKey) {
  const JobId parent = push("parent");
  const PushOptions waiting{.unique = Unique{"k"}, .track = true, .after = {parent}};
  const JobId child = push("child", waiting);
  EXPECT_EQ(Queue(broker()).push(job("child"), waiting).error().code(), ErrorCode::kConflict);
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(child, State::kDone));
  // The record of the first one says nothing of the second.
  const JobId later = push("parent", {.track = true, .after = {}});
  const JobId again = push("child", {.unique = Unique{"k"}, .track = true, .after = {later}});
  EXPECT_EQ(again, child);
  EXPECT_TRUE(eventually([&] { return diary.count("child") == 2; }));
}

// Who pushed the later parent was killed before it could clear away what the earlier one had left, which besides is
// told of late.
TEST_P(Depending, TheRecordOfAnEarlierJobReleasesNobody) {
  const PushOptions unique{.unique = Unique{"k"}, .track = true};
  auto worker = start_worker({.queues = {"default", "free"}, .concurrency = 2});
  const JobId parent = push("parent", unique);
  ASSERT_TRUE(becomes(parent, State::kDone));
  ASSERT_TRUE(eventually([&] { return messages("leat_medium") == 0; }));
  worker->stop();
  QueueControl(broker()).pause("default").value();
  const SystemTime then = broker().clock().now();
  ASSERT_TRUE(eventually([&] { return broker().clock().now() - then > 2ms; }));
  Faults faults;
  const auto killed = make_fault_broker(std::make_unique<SharedBroker>(open_another()), faults);
  faults.before(Operation::kRemove, [](const Call&) { return Fault::fail(); });
  ASSERT_EQ(Queue(*killed).push(job("parent"), unique).value(), parent);
  ASSERT_EQ(messages("leat_done"), 1U);
  const JobId child = push("child", {.track = true, .after = {parent}});
  worker = start_worker({.queues = {"default", "free"}, .concurrency = 2});
  // What the scheduler knows by then, it knows of the others too.
  const auto pass = [&] {
    Queue free(broker(), {.name = "free"});
    const JobId other = free.push(job("other"), {.track = true}).value();
    EXPECT_TRUE(becomes(free.push(job("other"), {.track = true, .after = {other}}).value(), State::kDone));
    EXPECT_EQ(state(child), State::kWaiting);
  };
  pass();
  AppendRequest late;
  late.message = *broker().admin().read_last("leat_done", "leat.done." + parent.str()).value();
  ASSERT_TRUE(broker().append("leat_done", {&late, 1}).front());
  pass();
  worker->stop();
  worker = start_worker({.queues = {"default", "free"}, .concurrency = 2});
  pass();
  QueueControl(broker()).resume("default").value();
  EXPECT_TRUE(becomes(child, State::kDone));
  EXPECT_EQ(diary.count("parent"), 2U);
  EXPECT_EQ(diary.lines().back(), "child");
}

TEST_P(Depending, WaitingJobsAreCancelledByHandAndWithTheirParents) {
  const JobId parent = push("parent");
  const JobId child = push("child", {.track = true, .after = {parent}});
  const JobId grandchild = push("grandchild", {.track = true, .after = {child}});
  EXPECT_EQ(JobControl(broker()).cancel(child).value().was, CancelResult::Was::kScheduled);
  EXPECT_EQ(state(child), State::kCancelled);
  const JobId other = push("other", {.track = true, .after = {parent}});
  EXPECT_EQ(JobControl(broker()).cancel(parent).value().was, CancelResult::Was::kPending);
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(grandchild, State::kCancelled));
  EXPECT_TRUE(becomes(other, State::kCancelled));
  EXPECT_TRUE(diary.lines().empty());
}

TEST_P(Depending, WhatIsCancelledWithItsParentSaysNothingOfTheJobThatHasItsKey) {
  const JobId parent = push("parent");
  PushOptions options{.unique = Unique{"k"}, .track = true, .after = {parent}};
  const JobId child = push("child", options);
  const JobId other = push("other", {.track = true, .after = {parent}});
  options.after.clear();
  ASSERT_EQ(push("child", options), child);
  ASSERT_EQ(JobControl(broker()).cancel(parent).value().was, CancelResult::Was::kPending);
  QueueControl(broker()).pause("default").value();
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(other, State::kCancelled));
  EXPECT_TRUE(eventually([&] { return messages("leat_scheduled") == 0; }));
  EXPECT_EQ(state(child), State::kPending);
  EXPECT_EQ(messages("leat_done"), 2U);
  QueueControl(broker()).resume("default").value();
  EXPECT_TRUE(becomes(child, State::kDone));
}

TEST_P(Depending, AParentThatWasPurgedCountsAsCancelled) {
  const JobId parent = push("parent");
  const JobId child = push("child", {.track = true, .after = {parent}});
  const JobId tough = push("tough", {.track = true, .after = {parent}, .if_dead = IfDead::kRun});
  EXPECT_EQ(QueueControl(broker()).purge("default").value(), 1U);
  const auto worker = start_worker();
  EXPECT_TRUE(becomes(child, State::kCancelled));
  EXPECT_TRUE(becomes(tough, State::kDone));
}

TEST_P(Depending, ADeadLetterThatIsRetriedIsWaitedForAgain) {
  const JobId bad = push("bad");
  auto worker = start_worker();
  ASSERT_TRUE(becomes(bad, State::kDead));
  ASSERT_TRUE(eventually([&] { return messages("leat_dlq") == 1 && messages("leat_medium") == 0; }));
  worker->stop();
  ASSERT_TRUE(DeadLetters(broker()).retry(DeadLetters(broker()).list().value().at(0).number));
  const JobId child = push("child", {.track = true, .after = {bad}});
  Worker healed(broker(), {.concurrency = 1});
  healed.handle("step", [&](JobContext& context) {
    diary.write(context.payload());
    return Outcome::done();
  });
  ASSERT_TRUE(healed.start());
  EXPECT_TRUE(becomes(child, State::kDone));
  EXPECT_EQ(diary.lines(), (std::vector<std::string>{"bad", "bad", "child"}));
}

// Random graphs against what their shape says: who runs, who is cancelled, and nobody before those it waits for.
TEST_P(Depending, RandomGraphsDoWhatTheirShapeSays) {
  constexpr int kJobs = 60;
  std::minstd_rand random(20'26);
  const auto pick = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); };
  struct Node {
    std::string name;
    std::vector<int> parents;
    IfDead if_dead = IfDead::kCancel;
    bool bad = false;
    State expected = State::kDone;
  };
  auto worker = start_worker({.concurrency = 3});
  const auto second = start_worker({.concurrency = 1});
  std::vector<Node> nodes;
  std::vector<JobId> ids;
  for (int i = 0; i < kJobs; ++i) {
    Node node{.name = {}, .parents = {}, .if_dead = pick(3) == 0 ? IfDead::kRun : IfDead::kCancel, .bad = pick(8) == 0};
    node.name = (node.bad ? "bad" : "good") + std::to_string(i);
    if (i > 0) {
      for (int parents = pick(4); parents > 0; --parents) node.parents.push_back(pick(i));
    }
    bool cancelled = false;
    PushOptions options{.track = true, .if_dead = node.if_dead};
    for (const int parent : node.parents) {
      options.after.push_back(ids[static_cast<std::size_t>(parent)]);
      const State state_of_parent = nodes[static_cast<std::size_t>(parent)].expected;
      cancelled = cancelled || (state_of_parent != State::kDone && node.if_dead == IfDead::kCancel);
    }
    node.expected = cancelled ? State::kCancelled : node.bad ? State::kDead : State::kDone;
    ids.push_back(push(node.name, options));
    nodes.push_back(std::move(node));
    if (i == kJobs / 2) worker->stop();
  }
  worker = start_worker({.concurrency = 2});
  for (std::size_t i = 0; i < nodes.size(); ++i) EXPECT_TRUE(becomes(ids[i], nodes[i].expected)) << nodes[i].name;
  const auto lines = diary.lines();
  std::map<std::string, std::size_t> at;
  for (std::size_t i = 0; i < lines.size(); ++i)
    EXPECT_TRUE(at.emplace(lines[i], i).second) << lines[i] << " ran twice";
  for (const Node& node : nodes) {
    EXPECT_EQ(at.contains(node.name), node.expected != State::kCancelled) << node.name;
    for (const int parent : node.parents) {
      const Node& before = nodes[static_cast<std::size_t>(parent)];
      const bool both_ran = at.contains(node.name) && at.contains(before.name);
      EXPECT_TRUE(!both_ran || at[before.name] < at[node.name]) << before.name << " before " << node.name;
    }
  }
  EXPECT_EQ(messages("leat_scheduled"), 0U);
}

LEAT_ON_EVERY_JOBS_BROKER(Depending);

}  // namespace
}  // namespace leat::test
