// A leader that stands still while another takes over, and then goes on as if it still led.
#include "jobs/claim_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <numeric>

#include "broker/fault_broker.h"
#include "jobs/handoff.h"
#include "jobs/job_streams.h"
#include "jobs/ticker.h"
#include "leat/inspector.h"
#include "leat/job_control.h"
#include "leat/memory_broker.h"
#include "leat/queue.h"
#include "leat/results.h"
#include "leat/schedules.h"
#include "leat/testing.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

class ClaimRecordTest : public testing::Test {
 protected:
  std::unique_ptr<Ticker> make_ticker(std::function<bool()> still_leads) {
    auto ticker = std::make_unique<Ticker>(
        Ticker::Parts{*broker, names, *claims, *schedules, events, no_log(), std::move(still_leads)});
    ticker->release_old_claim().value();
    const auto records = schedules->list("").value();
    ticker->add(records);
    return ticker;
  }
  Handoff make_handoff(std::function<bool()> still_leads) {
    return Handoff({*broker, names, *claims, events, no_log(), std::move(still_leads)});
  }
  std::uint64_t push_delayed() {
    Queue(*broker).push(EncodedJob{"step", "{}"}, {.delay = 1h}).value();
    return broker->admin().stream(names.scheduled_stream()).value().last_sequence;
  }
  std::uint64_t messages() { return broker->admin().stream(names.stream(Priority::kMedium)).value().messages; }

  ManualClock clock;
  std::unique_ptr<Broker> broker = open_memory_broker({.clock = &clock});
  const Names names{NamespaceOptions{}};
  std::unique_ptr<KeyValue> claims = open_leader(*broker, names).value();
  std::unique_ptr<KeyValue> schedules = open_schedules(*broker, names).value();
  EventLog events{*broker, names, no_log()};
};

TEST_F(ClaimRecordTest, IsWrittenByWhoTookItOverLast) {
  const auto leads = [] { return true; };
  ClaimRecord first(*claims, "claim", leads);
  first.write("1").value();
  first.write("2").value();
  ClaimRecord second(*claims, "claim", leads);
  second.write("3").value();
  const auto refused = first.write("4");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kLeaseLost);
  EXPECT_EQ(claims->get("claim").value()->value, "3");
  second.write("5").value();
  ClaimRecord third(*claims, "claim", [] { return false; });
  EXPECT_EQ(third.write("6").error().code(), ErrorCode::kLeaseLost);
  EXPECT_EQ(claims->get("claim").value()->value, "5");
}

// What the next leader has claimed stays so: who removes a schedule would else hear too early that it ticks no more.
TEST_F(ClaimRecordTest, ATickerThatLeadsNoMoreLeavesTheNextOnesClaim) {
  Schedules(*broker).put({.name = "s", .every = 1s}, EncodedJob{"tick", "{}"}).value();
  int asked = 0;
  int asked_next = 0;
  std::unique_ptr<Ticker> next;
  const auto first = make_ticker([&] {
    if (++asked < 2) return true;  // when it began
    next = make_ticker([&] { return ++asked_next < 2; });
    EXPECT_FALSE(next->tick());  // cut off in the middle
    return true;
  });
  clock.advance(1s);
  EXPECT_FALSE(first->tick());
  EXPECT_TRUE(Ticker::is_claimed(*claims, "s").value());
  EXPECT_EQ(messages(), 1U);
}

TEST_F(ClaimRecordTest, AHandoffThatLeadsNoMoreLeavesTheNextOnesClaim) {
  const std::uint64_t first_job = push_delayed();
  const std::uint64_t next_job = push_delayed();
  int asked = 0;
  Handoff first = make_handoff([&] {
    if (++asked != 2) return true;
    int asked_next = 0;
    Handoff next = make_handoff([&] { return ++asked_next < 3; });
    next.release_old_claim().value();
    EXPECT_FALSE(next.move({{next_job}}));
    return true;
  });
  first.release_old_claim().value();
  EXPECT_FALSE(first.move({{first_job}}));
  EXPECT_EQ(Handoff::claim_of(*claims, {&next_job, 1}).value(), Handoff::Claim::kClaimed);
  EXPECT_EQ(messages(), 1U);
}

// Otherwise it would be moved again with the rest, and again, when its message id is forgotten.
TEST_F(ClaimRecordTest, WhatIsInItsQueueWaitsNoMoreWhenTheRestFails) {
  constexpr std::size_t kJobs = 3000;
  for (const bool in_a_row : {true, false}) {
    Faults faults;
    const auto faulty = make_fault_broker(open_memory_broker({.clock = &clock}), faults);
    const auto records = open_leader(*faulty, names).value();
    EventLog no_events{*faulty, names, no_log()};
    Queue queue(*faulty);
    std::vector<Result<EncodedJob>> jobs(kJobs, EncodedJob{"step", "{}"});
    for (const auto& pushed : queue.push_many(std::move(jobs), {.delay = 1h})) ASSERT_TRUE(pushed);
    std::vector<std::uint64_t> sequences(kJobs);
    std::iota(sequences.begin(), sequences.end(), 1);
    if (!in_a_row) std::reverse(sequences.begin(), sequences.end());
    Handoff handoff({*faulty, names, *records, no_events, no_log(), [] { return true; }});
    handoff.release_old_claim().value();
    std::atomic<int> appends{0};
    faults.before(Operation::kAppend, [&](const Call&) { return ++appends == 3 ? Fault::fail() : Fault::none(); });
    const auto moved = handoff.move(sequences);
    faults.clear();
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().code(), ErrorCode::kUnavailable);
    const std::uint64_t queued = faulty->admin().stream(names.stream(Priority::kMedium)).value().messages;
    EXPECT_GT(queued, 0U);
    EXPECT_LT(queued, kJobs);
    EXPECT_EQ(queued + faulty->admin().stream(names.scheduled_stream()).value().messages, kJobs);
  }
}

TEST_F(ClaimRecordTest, AUniqueJobWhoseKeyIsGivenBackMeanwhileIsMoved) {
  Faults faults;
  auto inner = open_memory_broker({.clock = &clock});
  Broker& unharmed = *inner;
  const auto faulty = make_fault_broker(std::move(inner), faults);
  const auto records = open_leader(*faulty, names).value();
  EventLog no_events{*faulty, names, no_log()};
  Handoff handoff({*faulty, names, *records, no_events, no_log(), [] { return true; }});
  handoff.release_old_claim().value();
  Queue queue(*faulty);
  queue.push(EncodedJob{"delayed", "{}"}, {.unique = Unique{"k"}, .delay = 1h}).value();
  queue.push(EncodedJob{"holder", "{}"}, {.unique = Unique{"k"}}).value();
  const std::string stream = names.stream(Priority::kMedium);
  faults.before(Operation::kReadLast, [&](const Call&) {  // it is done just then
    EXPECT_TRUE(unharmed.admin().remove(stream, 1));
    return Fault::none();
  });
  const auto moved = handoff.move({{1}});
  faults.clear();
  ASSERT_TRUE(moved) << moved.error().message();
  EXPECT_EQ(unharmed.admin().read(stream, 2).value().value().headers.get(wire::kKind), "delayed");
  EXPECT_EQ(unharmed.admin().stream(names.scheduled_stream()).value().messages, 0U);
}

// A leader claims, and dies before it moves anything; the job is cancelled; the next one takes it as moved.
TEST_F(ClaimRecordTest, WhatADeadLeaderHadClaimedCanBeCancelledAndWhoWaitsLearns) {
  for (const PushOptions& options : {PushOptions{.result = KeepResult::kYes, .delay = 1h},
                                     PushOptions{.track = true, .delay = 1h}, PushOptions{.delay = 1h}}) {
    const JobId id = Queue(*broker).push(EncodedJob{"step", "{}"}, options).value();
    const auto sequence = broker->admin().stream(names.scheduled_stream()).value().last_sequence;
    claims->put("claims", R"({"version":1,"claimed":[],"moved":[)" + std::to_string(sequence) + "]}").value();
    const bool leaves_something = options.track || options.result == KeepResult::kYes;
    const auto was = JobControl(*broker).cancel(id, 10ms).value().was;
    EXPECT_EQ(was, leaves_something ? CancelResult::Was::kNoAnswer : CancelResult::Was::kUnknown);
    const auto state = Inspector(*broker).job(id).value().state;
    EXPECT_EQ(state, leaves_something ? JobStatus::State::kCancelled : JobStatus::State::kUnknown);
    const auto result = Results(*broker).get(id).value();
    ASSERT_EQ(result.has_value(), options.result == KeepResult::kYes);
  }
}

// The leader has died, and there is no other one yet: the next one takes the new time for too late.
TEST_F(ClaimRecordTest, NoNewTimeIsPromisedWhileTheOldOneIsClaimed) {
  const JobId id = Queue(*broker).push(EncodedJob{"step", "{}"}, {.delay = 1h}).value();
  const auto sequence = broker->admin().stream(names.scheduled_stream()).value().last_sequence;
  claims->put("claims", R"({"version":1,"claimed":[)" + std::to_string(sequence) + R"(],"moved":[]})").value();
  const SystemTime later = clock.now() + 5h;
  auto asked = std::async(std::launch::async, [&] { return JobControl(*broker).reschedule(id, later); });
  while (asked.wait_for(1ms) != std::future_status::ready) clock.advance(1s);
  const auto told = asked.get();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code(), ErrorCode::kUnknown);
  EXPECT_NE(told.error().message().find("has its new time, but"), std::string::npos) << told.error().message();
  EXPECT_EQ(Inspector(*broker).job(id).value().due, later);
  EXPECT_EQ(messages(), 0U);
  make_handoff([] { return true; }).release_old_claim().value();
  EXPECT_EQ(messages(), 1U);
}

// Whoever takes it takes it at once, as was asked for.
TEST_F(ClaimRecordTest, WhatIsClaimedIsPromotedAllTheSame) {
  const JobId id = Queue(*broker).push(EncodedJob{"step", "{}"}, {.delay = 1h}).value();
  const auto sequence = broker->admin().stream(names.scheduled_stream()).value().last_sequence;
  claims->put("claims", R"({"version":1,"claimed":[)" + std::to_string(sequence) + R"(],"moved":[]})").value();
  auto asked = std::async(std::launch::async, [&] { return JobControl(*broker).promote(id); });
  while (asked.wait_for(1ms) != std::future_status::ready) clock.advance(1s);
  EXPECT_TRUE(asked.get().value());
}

// The clock of whoever promotes a job may be ahead of the leader's.
TEST_F(ClaimRecordTest, APromotedJobIsDueOnAnyClock) {
  const SystemTime pushed_at = clock.now();
  const JobId id = Queue(*broker).push(EncodedJob{"step", "{}"}, {.delay = 1h}).value();
  clock.advance(5min);
  EXPECT_TRUE(JobControl(*broker).promote(id).value());
  EXPECT_LE(Inspector(*broker).job(id).value().due, pushed_at);
}

}  // namespace
}  // namespace leat
