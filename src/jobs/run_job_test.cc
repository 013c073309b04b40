#include "leat/run_job.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/json.h"

namespace leat {

struct Sum {
  int a = 0;
  int b = 0;
  static constexpr std::string_view kind = "sum";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sum, a, b)

// Loses something on its way through its codec.
struct Lossy {
  int value = 0;
  static constexpr std::string_view kind = "lossy";
};
template <>
struct Codec<Lossy> {
  static Result<std::string> encode(const Lossy& job) {
    if (job.value < 0) return Error(ErrorCode::kInvalidArgument, "negative");
    return std::to_string(job.value % 10);
  }
  static Result<Lossy> decode(std::string_view bytes) { return Lossy{bytes.front() - '0'}; }
};

namespace {

using namespace std::chrono_literals;
using Kind = Outcome::Kind;

TEST(RunJobTest, TheHandlerIsCalledAndItsOutcomeReturned) {
  EXPECT_EQ(run_job(Sum{1, 2}, [](const Sum& sum) { return sum.a + sum.b; }).text(), "3");
  EXPECT_EQ(run_job(Sum{}, [](const Sum&) {}).kind(), Kind::kDone);
  const Outcome snoozed = run_job(Sum{}, [](const Sum&, JobContext&) { return Outcome::snooze(3s); });
  EXPECT_EQ(snoozed.kind(), Kind::kSnooze);
  EXPECT_EQ(snoozed.delay(), 3s);
}

TEST(RunJobTest, TheLeaseIsHeldUnlessTheTestSaysOtherwise) {
  const auto extend = [](const Sum&, JobContext& job) {
    const auto extended = job.extend_lease();
    return extended ? Outcome::done() : Outcome::dead(extended.error().message());
  };
  EXPECT_EQ(run_job(Sum{}, extend).kind(), Kind::kDone);
  EXPECT_EQ(run_job(Sum{}, extend, {.stop_reason = StopReason::kShutdown}).kind(), Kind::kDone);
  EXPECT_EQ(run_job(Sum{}, extend, {.stop_reason = StopReason::kLeaseLost}).kind(), Kind::kDead);
}

int add(const Sum& sum) {
  return sum.a + sum.b;
}

TEST(RunJobTest, AHandlerOfAnyShapeIsTakenAsItIs) {
  EXPECT_EQ(run_job(Sum{1, 2}, add).text(), "3");
  EXPECT_EQ(run_job(Sum{1, 2}, &add).text(), "3");
  auto calls = std::make_unique<int>(0);
  auto handler = [calls = std::move(calls)](const Sum&) mutable { return std::to_string(++*calls); };
  EXPECT_EQ(run_job(Sum{}, handler).text(), "1");
  EXPECT_EQ(run_job(Sum{}, handler).text(), "2");
}

TEST(RunJobTest, WhatIsThrownIsWhatAWorkerMakesOfIt) {
  const auto throws = [](const Sum&) { throw std::runtime_error("no"); };
  const Outcome retry = run_job(Sum{}, throws);
  EXPECT_EQ(retry.kind(), Kind::kRetry);
  EXPECT_EQ(retry.text(), "no");
  const auto is_dead = [](const std::exception& e) { return Outcome::dead(e.what()); };
  EXPECT_EQ(run_job(Sum{}, throws, {.on_exception = is_dead}).kind(), Kind::kDead);
  EXPECT_EQ(run_job(Sum{}, [](const Sum&) { throw 1; }).kind(), Kind::kRetry);
}

TEST(RunJobTest, TheJobGoesThroughItsCodec) {
  int seen = 0;
  run_job(Lossy{17}, [&](const Lossy& job) { seen = job.value; });
  EXPECT_EQ(seen, 7);
  const Outcome refused = run_job(Lossy{-1}, [](const Lossy&) { FAIL(); });
  EXPECT_EQ(refused.kind(), Kind::kUndecodable);
  EXPECT_NE(refused.text().find("negative"), std::string::npos);
}

TEST(RunJobTest, BytesToo) {
  const auto length = [](JobContext& context) { return Outcome::done(std::to_string(context.payload().size())); };
  EXPECT_EQ(run_job(EncodedJob{"note", "four", {}}, length).text(), "4");
  const auto kind = [](Completion completion) {
    std::string seen(completion.job().kind());
    completion.finish(Outcome::done(std::move(seen)));
  };
  EXPECT_EQ(run_job(EncodedJob{"note", "", {}}, kind).text(), "note");
}

TEST(RunJobTest, TheContextIsWhatTheOptionsSay) {
  RunJobOptions options{.id = JobId(Priority::kHigh, "mails", "17"),
                        .attempt = 3,
                        .max_attempts = 4,
                        .enqueued_at = SystemTime(1h),
                        .deadline = SystemTime(2h)};
  options.headers.set("Tenant", "acme");
  run_job(
      Sum{},
      [&](const Sum&, JobContext& context) {
        EXPECT_EQ(context.id(), options.id);
        EXPECT_EQ(context.kind(), "sum");
        EXPECT_EQ(context.attempt(), 3U);
        EXPECT_EQ(context.max_attempts(), 4U);
        EXPECT_EQ(context.enqueued_at(), SystemTime(1h));
        EXPECT_EQ(context.deadline(), SystemTime(2h));
        EXPECT_EQ(context.headers().get("Tenant"), "acme");
        EXPECT_FALSE(context.stop_token().stop_requested());
        EXPECT_EQ(context.stop_reason(), StopReason::kNone);
      },
      options);
}

TEST(RunJobTest, TheStopTokenFiresBeforeOrMeanwhile) {
  run_job(Sum{},
          [](const Sum&, JobContext& context) {
            EXPECT_TRUE(context.stop_token().stop_requested());
            EXPECT_EQ(context.stop_reason(), StopReason::kTimeout);
          },
          {.stop_reason = StopReason::kTimeout});
  std::stop_source stop;
  run_job(Sum{},
          [&](const Sum&, JobContext& context) {
            EXPECT_EQ(context.stop_reason(), StopReason::kNone);
            stop.request_stop();
            EXPECT_TRUE(context.stop_token().stop_requested());
            EXPECT_EQ(context.stop_reason(), StopReason::kShutdown);
          },
          {.stop_token = stop.get_token()});
}

TEST(RunJobTest, AnAsynchronousHandlerIsWaitedFor) {
  Thread elsewhere;
  const auto add_elsewhere = [&](Sum sum, Completion completion) {
    elsewhere = start_thread(
        "elsewhere", [sum, shared = std::make_shared<Completion>(std::move(completion))](const std::stop_token&) {
          shared->finish(Outcome::done(std::to_string(sum.a + sum.b)));
        });
  };
  EXPECT_EQ(run_job(Sum{1, 2}, add_elsewhere).text(), "3");
  const Outcome dropped = run_job(Sum{}, [](const Sum&, Completion) {});
  EXPECT_EQ(dropped.kind(), Kind::kRetry);
  EXPECT_NE(dropped.text().find("dropped its Completion"), std::string::npos);
  const auto throwing = [](const Sum&, Completion) { throw std::runtime_error("on the way"); };
  EXPECT_EQ(run_job(Sum{}, throwing).text(), "on the way");
  const Outcome dead = run_job(
      Sum{}, throwing, {.on_exception = [](const std::exception& thrown) { return Outcome::dead(thrown.what()); }});
  EXPECT_EQ(dead.kind(), Kind::kDead);
  EXPECT_EQ(dead.text(), "on the way");
}

TEST(RunJobTest, AnAsynchronousHandlerIsNotWaitedForWithoutEnd) {
  std::optional<Completion> kept;
  int polled = 0;
  const auto keep = [&](const Sum&, Completion completion) { kept.emplace(std::move(completion)); };
  const Outcome late = run_job(Sum{}, keep, {.patience = 5ms, .while_waiting = [&] { ++polled; }});
  EXPECT_EQ(late.kind(), Kind::kRetry);
  EXPECT_NE(late.text().find("after 5ms"), std::string::npos) << late.text();
  EXPECT_GT(polled, 0);
  kept->finish(Outcome::done());  // nobody listens any more
  const Outcome polled_through =
      run_job(Sum{}, keep, {.while_waiting = [&] { kept->finish(Outcome::done("polled")); }});
  EXPECT_EQ(polled_through.text(), "polled");
}

}  // namespace
}  // namespace leat
