// How much the digest of waiting jobs takes at once, and what replaces a job that is ready.
#include "jobs/dependents.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "broker/fault_broker.h"
#include "jobs/job_streams.h"
#include "leat/job_control.h"
#include "leat/memory_broker.h"
#include "leat/queue.h"
#include "leat/testing.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

class DependentsTest : public testing::Test {
 protected:
  JobId push(const PushOptions& options, std::string payload = "{}") {
    return Queue(*broker).push(EncodedJob{"step", std::move(payload)}, options).value();
  }
  JobId push_parent() { return push({.track = true}); }
  void push_children(const JobId& parent, std::size_t count, std::size_t payload = 2) {
    std::vector<Result<EncodedJob>> jobs(count, EncodedJob{"step", std::string(payload, 'x')});
    for (const auto& pushed : Queue(*broker).push_many(std::move(jobs), {.after = {parent}})) (void)pushed.value();
  }
  // What the scheduled stream has that it had not when it was read before.
  void add_new() {
    std::vector<StoredMessage> fresh;
    while (true) {
      auto messages = reader->read({}, {}).value();
      if (messages.empty()) break;
      std::move(messages.begin(), messages.end(), std::back_inserter(fresh));
    }
    dependents.add(fresh).value();
  }
  void end(const JobId& parent, JobResult::State state) { dependents.ended(parent.str(), {.state = state}); }
  std::uint64_t waiting() { return broker->admin().stream(names.scheduled_stream()).value().messages; }

  ManualClock clock;
  Faults faults;
  std::unique_ptr<Broker> broker = make_fault_broker(open_memory_broker({.clock = &clock}), faults);
  const Names names{NamespaceOptions{}};
  const bool there = ensure_job_streams(*broker, names, no_log()).has_value();
  std::unique_ptr<KeyValue> claims = open_leader(*broker, names).value();
  std::unique_ptr<Reader> reader =
      broker->open_reader({.stream = names.scheduled_stream(), .headers_only = true}).value();
  EventLog events{*broker, names, no_log()};
  JobPlaces places{*broker, names};
  Endings endings{*broker, names};
  Timetable timetable;
  Handoff handoff{{*broker, names, *claims, events, no_log(), [] { return true; }}};
  Dependents dependents{{*broker, places, endings, events, handoff, timetable, no_log()}};
};

// Ticks, delayed jobs and a stop come in between.
TEST_F(DependentsTest, WhatIsReadyIsMovedInBatches) {
  const JobId parent = push_parent();
  push_children(parent, Handoff::kMostAtOnce + 500);
  add_new();
  EXPECT_FALSE(dependents.has_more());
  end(parent, JobResult::State::kDone);
  dependents.resolve().value();
  EXPECT_EQ(waiting(), 500U);
  EXPECT_TRUE(dependents.has_more());
  dependents.resolve().value();
  EXPECT_EQ(waiting(), 0U);
  EXPECT_FALSE(dependents.has_more());
}

TEST_F(DependentsTest, WhatIsLostIsCancelledInBatches) {
  const JobId parent = push_parent();
  push_children(parent, 250);
  add_new();
  end(parent, JobResult::State::kDead);
  dependents.resolve().value();
  EXPECT_EQ(waiting(), 150U);
  while (dependents.has_more()) dependents.resolve().value();
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(DependentsTest, LargeOnesAreMovedFewAtATime) {
  const JobId parent = push_parent();
  push_children(parent, 50, 512 << 10);
  add_new();
  end(parent, JobResult::State::kDone);
  for (std::uint64_t before = waiting(); dependents.has_more(); before = waiting()) {
    dependents.resolve().value();
    EXPECT_LE(before - waiting(), 16U);
  }
  EXPECT_EQ(waiting(), 0U);
}

// However many come at once, and with however large payloads.
TEST_F(DependentsTest, JobsThatWaitAreReadInPieces) {
  push_children(push_parent(), 250);
  std::vector<std::size_t> pieces;
  faults.before(Operation::kReadBySequence, [&](const Call& call) {
    pieces.push_back(call.items);
    return Fault::none();
  });
  add_new();
  EXPECT_EQ(pieces, (std::vector<std::size_t>{100, 100, 50}));
}

TEST_F(DependentsTest, AParentOfManyIsLookedUpOnce) {
  push_children(push_parent(), 1000);
  std::size_t looked_up = 0;
  faults.before(Operation::kReadLast, [&](const Call& call) {
    looked_up += call.items;
    return Fault::none();
  });
  add_new();
  EXPECT_LT(looked_up, 10U);
}

// It is cancelled while the others go first, and its key is taken into use again.
TEST_F(DependentsTest, TheLaterJobOfAKeyWaitsForItsOwnParents) {
  for (const auto state : {JobResult::State::kDone, JobResult::State::kDead}) {
    const JobId parent = push_parent();
    push_children(parent, 300, 64 << 10);
    const JobId child = push({.unique = Unique{"k"}, .after = {parent}});
    add_new();
    end(parent, state);
    dependents.resolve().value();
    ASSERT_TRUE(dependents.has_more());
    ASSERT_EQ(JobControl(*broker).cancel(child).value().was, CancelResult::Was::kScheduled);
    const JobId other = push_parent();
    ASSERT_EQ(push({.unique = Unique{"k"}, .after = {other}}), child);
    add_new();
    while (dependents.has_more()) dependents.resolve().value();
    EXPECT_EQ(waiting(), 1U);
    end(other, JobResult::State::kDone);
    dependents.resolve().value();
    EXPECT_EQ(waiting(), 0U);
    ASSERT_TRUE(JobControl(*broker).cancel(child));
  }
}

}  // namespace
}  // namespace leat
