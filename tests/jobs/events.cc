// What is told of jobs, and to whom.
#include "leat/events.h"

#include <algorithm>
#include <set>

#include "tests/jobs/jobs_suite.h"

namespace leat::test {
namespace {

using What = JobEvent::What;

class EventsSuite : public JobsSuite {
 protected:
  void SetUp() override {
    JobsSuite::SetUp();
    ASSERT_TRUE(Events(broker()).enable());
  }
  std::vector<JobEvent> events(const EventFilter& filter = {}) {
    auto reader = Events(broker()).read(filter);
    EXPECT_TRUE(reader) << reader.error().message();
    std::vector<JobEvent> all;
    while (true) {
      const auto some = reader->next(0ms, {});
      EXPECT_TRUE(some);
      if (!some || some->empty()) return all;
      all.insert(all.end(), some->begin(), some->end());
    }
  }
  std::vector<std::string> story_of(const JobId& id) {
    std::vector<std::string> story;
    for (const JobEvent& event : events({.job = id})) story.emplace_back(to_string(event.what));
    return story;
  }
  using Story = std::vector<std::string>;
  // Who tells does not wait, and several tell of a job: in the end it is this, in some order.
  void expect_story(const JobId& id, Story expected) {
    std::sort(expected.begin(), expected.end());
    Story story;
    EXPECT_TRUE(eventually([&] {
      story = story_of(id);
      std::sort(story.begin(), story.end());
      return story == expected;
    })) << testing::PrintToString(story)
        << " instead of " << testing::PrintToString(expected);
  }
};

TEST_P(EventsSuite, EachJobHasItsStory) {
  Queue queue(broker());
  const JobId good = queue.push(EncodedJob{"good", ""}, {.track = true}).value();
  const JobId after = queue.push(EncodedJob{"good", ""}, {.after = {good}}).value();
  const JobId bad = queue.push(EncodedJob{"bad", ""}, {.track = true}).value();
  const JobId lost = queue.push(EncodedJob{"good", ""}, {.after = {bad}}).value();
  const JobId late = queue.push(EncodedJob{"late", ""}).value();
  Worker worker(broker(), {.concurrency = 1, .name = "w"});
  worker.handle("good", [](JobContext&) { return Outcome::done(); });
  worker.handle("bad", [](JobContext& job) {
    return job.attempt() == 1 ? Outcome::retry_after(1ms, "again") : Outcome::dead("no");
  });
  worker.handle("late", [snoozed = std::make_shared<std::atomic<bool>>(false)](JobContext&) {
    return snoozed->exchange(true) ? Outcome::cancelled("enough") : Outcome::snooze(1ms);
  });
  ASSERT_TRUE(worker.start());
  expect_story(good, {"enqueued", "started", "done"});
  expect_story(after, {"scheduled", "due", "started", "done"});
  expect_story(bad, {"enqueued", "started", "failed", "started", "dead"});
  expect_story(lost, {"scheduled", "cancelled"});
  expect_story(late, {"enqueued", "started", "snoozed", "started", "cancelled"});

  auto told = events({.job = bad});
  std::stable_sort(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  const auto enqueued = std::find_if(told.begin(), told.end(), [](const auto& e) { return e.what == What::kEnqueued; });
  EXPECT_EQ(enqueued->worker, "");
  EXPECT_EQ(enqueued->kind, "bad");
  std::rotate(told.begin(), enqueued, enqueued + 1);  // a manual clock gives all the same time
  EXPECT_EQ(told[2].attempt, 1U);
  EXPECT_EQ(told[2].error, "again");
  EXPECT_EQ(told[3].attempt, 2U);
  EXPECT_EQ(told[4].attempt, 2U);
  EXPECT_EQ(told[4].worker, "w");
  EXPECT_EQ(told[4].error, "no");
  EXPECT_EQ(told[4].job, bad);
  EXPECT_EQ(told[4].queue, "default");
}

TEST_P(EventsSuite, WhatIsDoneByHandIsToldToo) {
  Queue queue(broker());
  const JobId cancelled = queue.push(EncodedJob{"k", ""}).value();
  ASSERT_TRUE(JobControl(broker()).cancel(cancelled));
  expect_story(cancelled, {"enqueued", "cancelled"});
  const JobId revived = queue.push(EncodedJob{"k", ""}).value();
  const JobId discarded = queue.push(EncodedJob{"k", ""}).value();
  {
    Worker worker(broker(), {.concurrency = 1, .scheduler = false});
    worker.handle("k", [](JobContext&) { return Outcome::dead("no"); });
    ASSERT_TRUE(worker.start());
    ASSERT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  }
  DeadLetters letters(broker());
  for (const DeadLetter& letter : letters.list().value()) {
    if (letter.id != revived) continue;
    EXPECT_TRUE(letters.retry(letter.number));
  }
  EXPECT_EQ(letters.discard_many({}).value().done, 1U);
  expect_story(revived, {"enqueued", "started", "dead", "revived"});
  expect_story(discarded, {"enqueued", "started", "dead", "discarded"});
  QueueControl control(broker());
  ASSERT_TRUE(control.pause("default"));
  ASSERT_TRUE(control.resume("default"));
  EXPECT_EQ(control.purge("default").value(), 1U);
  std::vector<What> of_queue;
  for (const JobEvent& event : events({.queue = "default"})) {
    if (event.job.str().empty()) of_queue.push_back(event.what);
  }
  EXPECT_EQ(of_queue, (std::vector<What>{What::kPaused, What::kResumed, What::kPurged}));
  EXPECT_EQ(events().back().error, "1 job");
  EXPECT_EQ(events().back().queue, "default");
}

TEST_P(EventsSuite, ManyEventsOfManyQueuesAreFollowed) {
  constexpr std::size_t kJobs = 3000;
  Queue one(broker(), {.name = "one"});
  Queue two(broker(), {.name = "two"});
  auto reader = Events(broker()).read({.queue = "two", .follow = true}).value();
  std::vector<Result<EncodedJob>> jobs(kJobs, EncodedJob{"k", ""});
  ASSERT_EQ(one.push_many(jobs).size(), kJobs);
  ASSERT_EQ(two.push_many(jobs, {.lane = Lane::kBulk}).size(), kJobs);
  std::set<std::string> ids;
  EXPECT_TRUE(eventually([&] {
    const auto some = reader.next(100ms, {});
    EXPECT_TRUE(some);
    for (const JobEvent& event : *some) {
      EXPECT_EQ(event.queue, "two");
      ids.insert(event.job.str());
    }
    return ids.size() == kJobs;
  })) << ids.size();
}

TEST_P(EventsSuite, NobodyTellsUnlessTheyAreEnabled) {
  EXPECT_TRUE(Events(broker()).enabled().value());
  ASSERT_TRUE(Events(broker()).disable());
  ASSERT_TRUE(Events(broker()).disable());
  EXPECT_FALSE(Events(broker()).enabled().value());
  push_numbers(2);
  const auto refused = Events(broker()).read();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(refused.error().message().find("leat events on"), std::string::npos);
  ASSERT_TRUE(Events(broker()).enable());
  EXPECT_EQ(events().size(), 0U);
  EXPECT_EQ(Events(broker()).read({.queue = "no queue"}).error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(EventsSuite, AWorkerGoesOnWhenTheyAreDisabledUnderIt) {
  Worker worker(broker(), {.concurrency = 1});
  worker.handle("number", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(worker.start());
  push_numbers(10);
  ASSERT_TRUE(eventually([&] { return worker.counts().done == 10; }));
  ASSERT_TRUE(Events(broker()).disable());
  push_numbers(10);
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 20; }));
}

LEAT_ON_EVERY_JOBS_BROKER(EventsSuite);

}  // namespace
}  // namespace leat::test
