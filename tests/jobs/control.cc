// Queues that are paused, resumed and purged, from another program than the one that works.
#include "leat/queue_control.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/kept_lines.h"

namespace leat::test {
namespace {

class Control : public JobsSuite {
 protected:
  void SetUp() override {
    JobsSuite::SetUp();
    other_ = open_another();
  }
  Broker& other() { return *other_; }

 private:
  std::shared_ptr<Broker> other_;
};

TEST_P(Control, APausedQueueWaitsAndGoesOn) {
  push_numbers(5);
  KeptLines log(LogLevel::kInfo);
  Worker worker(broker(), {.queues = {"default", "mail"}, .concurrency = 2, .log = &log});
  std::atomic<int> mails{0};
  worker.handle("number", [&](JobContext& job) {
    if (job.id().queue() == "mail") ++mails;
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().done == 5; }));
  QueueControl control(other());
  ASSERT_TRUE(control.pause("default"));
  ASSERT_TRUE(control.pause("default"));
  EXPECT_EQ(control.paused().value(), std::vector<std::string>{"default"});
  ASSERT_TRUE(eventually([&] { return log.with("queue is paused") == 1; }));
  push_numbers(4);
  ASSERT_TRUE(Queue(other(), {.name = "mail"}).push(EncodedJob{"number", "1", {}}));
  EXPECT_TRUE(eventually([&] { return mails == 1; }));  // other queues go on
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 6 && messages("leat_medium") == 4; }));
  ASSERT_TRUE(control.resume("default"));
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 10; }));
  EXPECT_TRUE(control.paused().value().empty());
}

TEST_P(Control, AQueueThatNobodyUsesYetIsListedWhenItIsPaused) {
  push_numbers(1);
  ASSERT_TRUE(QueueControl(other()).pause("early"));
  const auto rows = Inspector(broker()).queues().value();
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].queue, "default");
  EXPECT_FALSE(rows[0].paused);
  EXPECT_EQ(rows[3].queue, "early");
  EXPECT_TRUE(rows[3].paused);
  EXPECT_EQ(rows[3].pending, 0U);
}

TEST_P(Control, AWorkerThatStartsLaterFindsThePause) {
  QueueControl control(other());
  ASSERT_TRUE(control.pause("default"));
  push_numbers(3);
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<bool> may_run{false};
  std::atomic<bool> ran_early{false};
  worker.handle("number", [&](JobContext&) {
    ran_early = ran_early || !may_run;
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  const auto rows = Inspector(other()).queues().value();
  ASSERT_FALSE(rows.empty());
  for (const QueueCounts& row : rows) EXPECT_EQ(row.paused, row.queue == "default");
  may_run = true;
  ASSERT_TRUE(control.resume("default"));
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 3; }));
  EXPECT_FALSE(ran_early);
}

TEST_P(Control, WhatWasHeldAndNotBegunGoesBack) {
  push_numbers(6);
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<bool> go_on{false};
  std::atomic<int> begun{0};
  worker.handle("number", [&](JobContext& job) {
    ++begun;
    while (!go_on && !job.stop_token().stop_requested()) leat::sleep_for(real_clock(), 1ms, {});
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return begun == 1; }));
  ASSERT_TRUE(QueueControl(other()).pause("default"));
  EXPECT_TRUE(eventually([&] { return worker.counts().unstarted == 0; }));
  go_on = true;
  EXPECT_TRUE(eventually([&] { return worker.counts().done >= 1 && worker.counts().running == 0; }));
  ASSERT_TRUE(QueueControl(other()).resume("default"));
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 6; })) << worker.counts().done;
  EXPECT_EQ(worker.counts().retried, 0U);
}

// Fast handlers take many jobs at once: those that they have taken and not begun go back, too.
TEST_P(Control, WhatAHandlerHasTakenAndNotBegunGoesBack) {
  constexpr int kFast = 500;
  KeptLines log(LogLevel::kInfo);
  Worker worker(broker(), {.concurrency = 1, .log = &log});
  std::atomic<int> begun{0};
  std::atomic<bool> go_on{false};
  worker.handle("number", [&](JobContext& job) {
    if (++begun != kFast) return Outcome::done();
    while (!go_on && !job.stop_token().stop_requested()) leat::sleep_for(real_clock(), 1ms, {});
    return Outcome::done();
  });
  push_numbers(2 * kFast);
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return begun == kFast; }));
  ASSERT_TRUE(QueueControl(other()).pause("default"));
  ASSERT_TRUE(eventually([&] { return log.with("queue is paused") == 1; }));
  go_on = true;
  EXPECT_TRUE(eventually([&] { return worker.counts().unstarted == 0 && worker.counts().running == 0; }));
  EXPECT_EQ(begun, kFast);
  ASSERT_TRUE(QueueControl(other()).resume("default"));
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 2 * kFast; })) << worker.counts().done;
}

TEST_P(Control, APurgeRemovesWhatWaitsAndItsRecords) {
  push_numbers(4, {.priority = Priority::kHigh});
  push_numbers(3, {.priority = Priority::kLow});
  ASSERT_TRUE(Queue(broker(), {.name = "mail"}).push(EncodedJob{"number", "1", {}}));
  push_numbers(1);
  {
    Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1h)});
    std::atomic<int> failed{0};
    worker.handle("number", [&](JobContext&) {
      ++failed;
      return Outcome::retry("no");
    });
    ASSERT_TRUE(worker.start());
    ASSERT_TRUE(eventually([&] { return worker.counts().retried == 8; }));
  }
  QueueControl control(other());
  EXPECT_EQ(control.purge("default", Priority::kHigh).value(), 4U);
  EXPECT_EQ(control.purge("default").value(), 4U);
  EXPECT_EQ(control.purge("default").value(), 0U);
  EXPECT_EQ(messages("leat_medium"), 1U);  // the mail
  EXPECT_TRUE(broker().open_bucket({.name = "leat_attempts"}).value()->list("").value().empty());
}

TEST_P(Control, BadNamesAreRefusedAndUnknownQueuesAreEmpty) {
  QueueControl control(broker());
  EXPECT_EQ(control.pause("a b").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(control.resume("").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(control.purge("a.b").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(QueueControl(broker(), {.name = "a b"}).paused().error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(control.purge("nobody").value(), 0U);
  EXPECT_TRUE(control.resume("nobody"));
}

LEAT_ON_EVERY_JOBS_BROKER(Control);

}  // namespace
}  // namespace leat::test
