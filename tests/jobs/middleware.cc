// Code around pushes and handler calls, and what is counted there.
#include <algorithm>
#include <set>
#include <stdexcept>

#include "core/mutex.h"
#include "tests/jobs/jobs_suite.h"

namespace leat::test {
namespace {

class MiddlewareSuite : public JobsSuite {
 protected:
  void note(std::string what) LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    notes_.push_back(std::move(what));
  }
  std::vector<std::string> notes() LEAT_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return notes_;
  }
  // Says its name before and after.
  Middleware named(const std::string& name) {
    return [this, name](JobContext&) -> Around {
      note(name + " before");
      return [this, name](Outcome&) { note(name + " after"); };
    };
  }

 private:
  Mutex mutex_;
  std::vector<std::string> notes_ LEAT_GUARDED_BY(mutex_);
};

TEST_P(MiddlewareSuite, TheFirstIsTheOutermost) {
  push_numbers(1);
  Worker worker(broker(), {.concurrency = 1, .middleware = {named("outer"), named("inner")}});
  worker.handle("number", [&](JobContext&) {
    note("handler");
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  EXPECT_EQ(notes(),
            (std::vector<std::string>{"outer before", "inner before", "handler", "inner after", "outer after"}));
}

TEST_P(MiddlewareSuite, OneMayEndTheJobInsteadOfItsHandler) {
  push_numbers(1);
  const auto blocked = [](JobContext&) -> Around { return Outcome::dead("blocked"); };
  Worker worker(broker(), {.concurrency = 1, .middleware = {named("outer"), blocked, named("inner")}});
  worker.handle("number", [&](JobContext&) {
    note("handler");
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  EXPECT_EQ(notes(), (std::vector<std::string>{"outer before", "outer after"}));
  EXPECT_EQ(DeadLetters(broker()).list().value().front().error, "blocked");
}

TEST_P(MiddlewareSuite, WhatItThrowsCountsAsThrownByTheHandler) {
  push_numbers(2, {.max_attempts = 1});
  const auto bad_before = [](JobContext& job) -> Around {
    if (job.payload() == "0") throw std::runtime_error("no tenant");
    return {};
  };
  const auto bad_after = [](JobContext& job) -> Around {
    if (job.payload() == "0") return {};
    return [](Outcome&) { throw std::runtime_error("cannot commit"); };
  };
  Worker worker(broker(), {.concurrency = 1, .middleware = {named("outer"), bad_before, bad_after}});
  worker.handle("number", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  std::set<std::string> errors;
  for (const DeadLetter& letter : DeadLetters(broker()).list().value()) errors.insert(letter.error);
  EXPECT_EQ(errors, (std::set<std::string>{"cannot commit", "no tenant"}));
  const auto said = notes();
  EXPECT_EQ(std::count(said.begin(), said.end(), "outer after"), 2);
}

TEST_P(MiddlewareSuite, AsynchronousHandlersHaveItToo) {
  push_numbers(2);
  const auto refuse_second = [](JobContext& job) -> Around {
    if (job.payload() == "1") return Outcome::cancelled("not this one");
    return {};
  };
  Worker worker(broker(), {.concurrency = 1, .middleware = {named("outer"), refuse_second}});
  worker.handle_async("number", [&](Completion completion) {
    note("handler " + std::string(completion.job().payload()));
    completion.finish(Outcome::done());
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().done == 2; }));
  const auto said = notes();
  EXPECT_EQ(std::count(said.begin(), said.end(), "outer after"), 2);
  EXPECT_EQ(std::count(said.begin(), said.end(), "handler 0"), 1);
  EXPECT_EQ(std::count(said.begin(), said.end(), "handler 1"), 0);
}

TEST_P(MiddlewareSuite, PushesAreChangedRefusedAndTold) {
  std::vector<std::string> answers;
  const PushMiddleware tenant = [&](std::span<PushOrder> orders) -> AfterPush {
    for (PushOrder& order : orders) {
      order.job.headers.set("tenant", "acme");
      if (order.job.payload == "1") order.refused = Error(ErrorCode::kInvalidArgument, "no ones here");
    }
    return [&](std::span<const Result<JobId>> stored) {
      for (const auto& each : stored) answers.push_back(each ? "stored" : each.error().message());
    };
  };
  Queue queue(broker(), {.middleware = {tenant}});
  const auto pushed = queue.push_many({EncodedJob{"number", "0"}, EncodedJob{"number", "1"},
                                       Result<EncodedJob>(Error(ErrorCode::kInvalidArgument, "no job"))});
  ASSERT_EQ(pushed.size(), 3U);
  EXPECT_TRUE(pushed[0]);
  EXPECT_EQ(pushed[1].error().message(), "no ones here");
  EXPECT_EQ(pushed[2].error().message(), "no job");
  EXPECT_EQ(answers, (std::vector<std::string>{"stored", "no ones here", "no job"}));
  EXPECT_EQ(broker().admin().read_last("leat_medium", "leat." + pushed[0]->str()).value()->headers.get("tenant"),
            "acme");
  EXPECT_TRUE(queue.push_async(EncodedJob{"number", "2"}).get());
  EXPECT_EQ(answers.size(), 4U);
}

TEST_P(MiddlewareSuite, APushMiddlewareThatThrowsRefusesThePush) {
  Queue queue(broker(),
              {.middleware = {[](std::span<PushOrder>) -> AfterPush { throw std::runtime_error("no session"); }}});
  const auto pushed = queue.push(EncodedJob{"number", "0"});
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(pushed.error().message().find("no session"), std::string::npos) << pushed.error().message();
}

TEST_P(MiddlewareSuite, JobsAreMadeUniqueByWhatTheyAre) {
  Queue queue(broker(),
              {.middleware = {unique_by([](const EncodedJob& job) { return job.kind + ":" + job.payload; })}});
  const auto pushed =
      queue.push_many({EncodedJob{"number", "7"}, EncodedJob{"number", "7"}, EncodedJob{"number", "8"}});
  EXPECT_EQ(pushed[0].value(), pushed[1].value());
  EXPECT_NE(pushed[0].value(), pushed[2].value());
  EXPECT_EQ(messages("leat_medium"), 2U);
}

TEST_P(MiddlewareSuite, ATraceGoesFromThePushThroughTheHandlerToWhatItPushes) {
  const TraceContext origin{"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true};
  Queue queue(broker(), {.middleware = {trace_pushes([&] { return origin; })}});
  Queue inner(broker());
  ASSERT_TRUE(queue.push(EncodedJob{"number", "0"}));
  Mutex mutex;
  std::vector<Span> spans;
  Worker worker(broker(), {.concurrency = 1, .middleware = {trace_jobs([&](const Span& span) {
                                               MutexLock lock(mutex);
                                               spans.push_back(span);
                                             })}});
  worker.handle("number", [&](JobContext& job) {
    if (job.payload() == "1") return Outcome::dead("enough");
    EXPECT_TRUE(inner.push(EncodedJob{"number", "1"}, {.headers = trace_headers(job)}));
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 1 && worker.counts().done == 1; }));
  MutexLock lock(mutex);
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0].context.trace_id, origin.trace_id);
  EXPECT_EQ(spans[0].parent_span_id, origin.span_id);
  EXPECT_FALSE(spans[0].failed);
  EXPECT_EQ(spans[1].context.trace_id, origin.trace_id);
  EXPECT_EQ(spans[1].parent_span_id, spans[0].context.span_id);
  EXPECT_TRUE(spans[1].failed);
  EXPECT_EQ(spans[1].error, "enough");
}

TEST_P(MiddlewareSuite, HandlerCallsAreLimited) {
  push_numbers(10);
  // Twelve a minute, three of them at once: who would have to wait goes back to the queue.
  Worker worker(broker(), {.concurrency = 2,
                           .middleware = {limit_rate({.per_second = 0.2, .burst = 3, .kind = "number", .patience = 0s},
                                                     broker().clock())}});
  std::atomic<int> calls{0};
  worker.handle("number", [&](JobContext& job) {
    EXPECT_EQ(job.attempt(), 1U);
    ++calls;
    return Outcome::done();
  });
  worker.handle("free", [](JobContext&) { return Outcome::done(); });
  const SystemTime from = broker().clock().now();
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return calls >= 3; }));
  EXPECT_TRUE(Queue(broker()).push(EncodedJob{"free", ""}));
  EXPECT_TRUE(eventually([&] { return worker.counts().done > static_cast<std::uint64_t>(calls); }));
  ASSERT_TRUE(eventually([&] { return calls >= 4; }));
  EXPECT_GE(broker().clock().now() - from, 5s);
}

TEST_P(MiddlewareSuite, JobsAreCountedAndTimedByQueueAndKind) {
  Metrics metrics;
  Queue queue(broker(), {.metrics = &metrics});
  ASSERT_TRUE(queue.push(EncodedJob{"good", ""}));
  ASSERT_TRUE(queue.push(EncodedJob{"bad", ""}));
  ASSERT_TRUE(queue.push(EncodedJob{"bad", ""}));
  ASSERT_TRUE(queue.push(EncodedJob{"nobody", ""}));
  Worker worker(broker(), {.concurrency = 1, .unknown_kind_grace = 0s, .metrics = &metrics});
  worker.handle("good", [](JobContext&) { return Outcome::done(); });
  worker.handle("bad", [](JobContext& job) {
    return job.attempt() == 1 ? Outcome::retry_after(1ms, "again") : Outcome::dead("no");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 3 && worker.counts().done == 1; }));
  const std::string text = metrics.exposition();
  for (const std::string_view line : {"leat_jobs_enqueued_total{queue=\"default\",kind=\"bad\"} 2\n",
                                      "leat_jobs_started_total{queue=\"default\",kind=\"bad\"} 4\n",
                                      "leat_jobs_ended_total{queue=\"default\",kind=\"good\",how=\"done\"} 1\n",
                                      "leat_jobs_ended_total{queue=\"default\",kind=\"bad\",how=\"retried\"} 2\n",
                                      "leat_jobs_ended_total{queue=\"default\",kind=\"bad\",how=\"dead\"} 2\n",
                                      "leat_jobs_ended_total{queue=\"default\",kind=\"(unknown)\",how=\"dead\"} 1\n",
                                      "leat_job_seconds_count{queue=\"default\",kind=\"bad\"} 4\n",
                                      "leat_job_wait_seconds_count{queue=\"default\",kind=\"bad\"} 2\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

LEAT_ON_EVERY_JOBS_BROKER(MiddlewareSuite);

TEST(LimitRate, RefusesWhatCannotBe) {
  EXPECT_THROW(limit_rate({.per_second = 0}), std::invalid_argument);
  EXPECT_THROW(limit_rate({.per_second = -1}), std::invalid_argument);
  EXPECT_THROW(limit_rate({.per_second = 1, .burst = 0}), std::invalid_argument);
  EXPECT_THROW(limit_rate({.per_second = 1, .patience = -1s}), std::invalid_argument);
}

TEST(TraceContextTest, ReadsAndWritesTraceparent) {
  const std::string text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(TraceContext::parse(text)->traceparent(), text);
  EXPECT_FALSE(TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")->sampled);
  EXPECT_TRUE(TraceContext::parse("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later"));
  for (const std::string_view bad : {"", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                                     "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                                     "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                     "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                     "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
                                     "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01"}) {
    EXPECT_FALSE(TraceContext::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace leat::test
