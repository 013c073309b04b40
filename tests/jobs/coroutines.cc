// Handlers that are coroutines of Boost.Asio.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstdio>

#include "core/thread.h"
#include "leat/asio.h"
#include "leat/testing.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/resident_memory.h"

namespace leat::test {

// Also more than fits into a string itself: what is freed twice shows.
struct Number {
  static constexpr std::string_view kind = "number";
  int value = 0;
  std::string text = std::string(64, '#');
};
struct Doubled {
  int value = 0;
};

}  // namespace leat::test

template <>
struct leat::Codec<leat::test::Number> {
  static Result<std::string> encode(const test::Number& number) { return std::to_string(number.value); }
  static Result<test::Number> decode(std::string_view bytes) {
    test::Number number;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number.value);
    if (error == std::errc() && end == bytes.data() + bytes.size()) return number;
    return Error(ErrorCode::kInvalidArgument, "no number");
  }
};
template <>
struct leat::Codec<leat::test::Doubled> {
  static Result<std::string> encode(const test::Doubled& doubled) {
    if (doubled.value > 100) throw std::range_error("more than 100");
    return std::to_string(doubled.value);
  }
};

namespace leat::test {
namespace {

using boost::asio::awaitable;

awaitable<void> wait_for(Duration time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

// One thread that runs what waits.
class IoThread {
 public:
  IoThread() : thread_(start_thread("io", [this](const std::stop_token&) { io_.run(); })) {}
  ~IoThread() { work_.reset(); }

  boost::asio::any_io_executor executor() { return io_.get_executor(); }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  Thread thread_;
};

class Coroutines : public JobsSuite {
 protected:
  // The result of the one job, handled by what `handle` gives to the worker.
  std::string result_of_one(const std::function<void(Worker&)>& handle) {
    const JobId id = push_numbers(1, {.result = KeepResult::kYes}).front();
    Worker worker(broker(), {.concurrency = 1});
    handle(worker);
    EXPECT_TRUE(worker.start());
    EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
    worker.stop();
    const auto result = Results(broker()).wait(id, 10s);
    return result && *result ? (*result)->value : "none";
  }
  // The error of the job that ended dead.
  std::string error_of_dead(Worker& worker) {
    EXPECT_TRUE(worker.start());
    EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
    const auto letters = DeadLetters(broker()).list().value();
    return letters.empty() ? "none" : letters.front().error;
  }
  // A manual clock stands still in stop().
  void stop(Worker& worker) {
    std::atomic<bool> stopped{false};
    Thread stopper = start_thread("stopper", [&](const std::stop_token&) {
      worker.stop();
      stopped = true;
    });
    EXPECT_TRUE(eventually([&] { return stopped.load(); }));
  }
};

awaitable<void> nothing(Number) {
  co_await wait_for(1ms);
}
awaitable<std::string> text_of(const Number& number) {
  co_await wait_for(1ms);
  co_return number.text + std::to_string(number.value);
}
awaitable<Doubled> double_it(Number number, JobContext& context) {
  co_await wait_for(1ms);
  co_return Doubled{2 * number.value + static_cast<int>(context.attempt())};
}
awaitable<Outcome> payload_of(JobContext& context) {
  co_await wait_for(1ms);
  co_return Outcome::done("payload " + std::string(context.payload()));
}
awaitable<Outcome> without_a_wait(Number&& number, const JobContext& context) {
  co_return Outcome::done(context.id().str() + number.text);
}

TEST_P(Coroutines, WhatTheyReturnIsTheResult) {
  IoThread io;
  const auto result = [&](auto handler) {
    return result_of_one([&](Worker& worker) { handle_coroutine<Number>(worker, io.executor(), handler); });
  };
  EXPECT_EQ(result(nothing), "");
  EXPECT_EQ(result(text_of), std::string(64, '#') + "0");
  EXPECT_EQ(result(double_it), "1");
  EXPECT_TRUE(result(without_a_wait).ends_with('#'));
  EXPECT_EQ(result_of_one([&](Worker& worker) { handle_coroutine(worker, "number", io.executor(), payload_of); }),
            "payload 0");
}

TEST_P(Coroutines, AClosureOutlivesItsCoroutines) {
  constexpr int kJobs = 200;
  push_numbers(kJobs);
  IoThread io;
  Tally tally(kJobs);
  Worker worker(broker(), {.concurrency = 2});
  {
    const std::string text(100, 'x');
    handle_coroutine<Number>(worker, io.executor(),
                             [text, shared = std::make_shared<std::string>(text), &tally](
                                 Number number, JobContext& context) -> awaitable<void> {
                               co_await wait_for(5ms);
                               if (text == *shared && number.text.size() == 64) tally.mark(context.payload());
                             });
  }
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs; })) << worker.counts().done;
  EXPECT_TRUE(tally.all_between(1, 1));
}

TEST_P(Coroutines, AnExceptionIsARetry) {
  push_numbers(1, {.max_attempts = 3});
  IoThread io;
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  std::atomic<int> calls{0};
  handle_coroutine<Number>(worker, io.executor(), [&](Number, JobContext& context) -> awaitable<Outcome> {
    ++calls;
    if (context.attempt() == 1) throw 7;
    co_await wait_for(1ms);
    throw std::runtime_error("after a wait");
  });
  EXPECT_EQ(error_of_dead(worker), "after a wait");
  EXPECT_EQ(calls, 3);
}

TEST_P(Coroutines, AnExceptionMayHaveAVerdictOfItsOwn) {
  push_numbers(1);
  IoThread io;
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(24h)});
  handle_coroutine<Number>(
      worker, io.executor(),
      [](const Number& number) -> awaitable<Doubled> {
        co_await wait_for(1ms);
        co_return Doubled{number.value + 101};  // its codec throws
      },
      {.on_exception = [](const std::exception& e) { return Outcome::dead(std::string("never: ") + e.what()); }});
  EXPECT_EQ(error_of_dead(worker), "never: more than 100");
}

TEST_P(Coroutines, APayloadThatCannotBeReadIsADeadLetter) {
  ASSERT_TRUE(Queue(broker()).push(EncodedJob{"number", "seven", {}}));
  IoThread io;
  Worker worker(broker(), {.concurrency = 1});
  handle_coroutine<Number>(worker, io.executor(), nothing);
  EXPECT_EQ(error_of_dead(worker), "no number");
}

TEST_P(Coroutines, StopCancelsWhatTheyWaitFor) {
  constexpr int kJobs = 100;
  push_numbers(kJobs, {.max_attempts = 1});
  IoThread io;
  Worker worker(broker(), {.concurrency = 2, .grace = 1ms});
  std::atomic<int> cancelled{0};
  handle_coroutine<Number>(worker, io.executor(),
                           [&](Number, JobContext& context) -> awaitable<void> {
                             try {
                               co_await wait_for(1h);
                             } catch (const boost::system::system_error& e) {
                               const bool aborted = e.code() == boost::asio::error::operation_aborted;
                               if (aborted && context.stop_reason() == StopReason::kShutdown) ++cancelled;
                               throw;
                             }
                           },
                           {.on_exception = [](const std::exception& e) { return Outcome::dead(e.what()); }});
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().running == kJobs; }));
  stop(worker);
  EXPECT_EQ(cancelled, kJobs);
  EXPECT_EQ(worker.counts().interrupted, kJobs);
  EXPECT_EQ(worker.counts().dead, 0U);
  EXPECT_EQ(messages("leat_medium"), kJobs);
}

TEST_P(Coroutines, ATimeOutCancelsAndIsAFailedAttempt) {
  push_numbers(1, {.max_attempts = 2, .timeout = 30ms});
  IoThread io;
  Worker worker(broker(), {.concurrency = 1, .retry = RetryPolicy::fixed(1ms)});
  handle_coroutine<Number>(worker, io.executor(), [](Number) -> awaitable<void> { co_await wait_for(1h); });
  const std::string error = error_of_dead(worker);
  EXPECT_NE(error.find("longer than its limit"), std::string::npos) << error;
  EXPECT_NE(error.find("Operation canceled"), std::string::npos) << error;
}

TEST_P(Coroutines, WhatIsDoneAfterACancellationIsDone) {
  push_numbers(1, {.timeout = 30ms});
  IoThread io;
  Worker worker(broker(), {.concurrency = 1});
  handle_coroutine<Number>(worker, io.executor(), [](Number) -> awaitable<Outcome> {
    bool cancelled = false;
    try {
      co_await wait_for(1h);
    } catch (const boost::system::system_error&) {
      cancelled = true;
    }
    co_await boost::asio::this_coro::reset_cancellation_state();
    co_await wait_for(1ms);
    co_return cancelled ? Outcome::done() : Outcome::dead("not cancelled");
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
}

TEST_P(Coroutines, AStopBeforeTheBeginningIsNotLost) {
  push_numbers(1, {.max_attempts = 1, .timeout = 10ms});
  boost::asio::io_context io;
  Worker worker(broker(), {.concurrency = 1, .stuck_after = 10ms});
  handle_coroutine<Number>(worker, io.get_executor(), [](Number) -> awaitable<void> { co_await wait_for(1h); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().stuck > 0; }));
  Thread late = start_thread("io", [&](const std::stop_token&) { io.run(); });
  EXPECT_TRUE(eventually([&] { return worker.counts().dead == 1; }));
  io.stop();
}

TEST_P(Coroutines, OneThatIsDestroyedWithItsContextHasFailed) {
  push_numbers(2, {.max_attempts = 1});
  auto io = std::make_unique<boost::asio::io_context>();
  auto work = boost::asio::make_work_guard(*io);
  Worker worker(broker(), {.concurrency = 1});
  int begun = 0;
  handle_coroutine<Number>(worker, io->get_executor(), [&](Number) -> awaitable<void> {
    ++begun;
    co_await wait_for(1h);
  });
  worker.handle("plain", [](JobContext&) { return Outcome::done(); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return worker.counts().running == 2; }));
  ASSERT_TRUE(eventually([&] { return io->poll(), begun == 2; }));
  // A thread that still hands one over would find the context gone; the only one has this to do afterwards.
  ASSERT_TRUE(Queue(broker()).push(EncodedJob{"plain", "", {}}));
  ASSERT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  work.reset();
  io.reset();
  ASSERT_TRUE(eventually([&] { return worker.counts().dead == 2; }));
  EXPECT_EQ(DeadLetters(broker()).list().value().front().error, "the coroutine was destroyed before its end");
}

TEST_P(Coroutines, AreStoppedOnTheirOwnStrand) {
  constexpr int kJobs = 300;
  push_numbers(kJobs, {.max_attempts = 1});
  boost::asio::thread_pool pool(4);
  Worker worker(broker(), {.concurrency = 2});
  handle_coroutine<Number>(worker, pool.get_executor(),
                           [](Number number) -> awaitable<void> {
                             if (number.value % 3 == 0) co_return;
                             while (true) co_await wait_for(std::chrono::microseconds(100));
                           },
                           {.timeout = 20ms});
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == kJobs / 3 && worker.counts().dead == 2 * kJobs / 3; }))
      << worker.counts().done << " " << worker.counts().dead;
  worker.stop();
  pool.join();
}

TEST_P(Coroutines, FiveThousandWaitOnOneThread) {
  constexpr std::size_t kJobs = 5000;
  push_numbers(kJobs);
  IoThread io;
  Worker worker(broker(), {.concurrency = 1, .async_jobs = 6000, .grace = 1ms});
  std::atomic<std::size_t> waiting{0};
  handle_coroutine<Number>(worker, io.executor(), [&](const Number&) -> awaitable<void> {
    ++waiting;
    co_await wait_for(1h);
  });
  const std::int64_t before = resident_memory();
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(eventually([&] { return waiting == kJobs; })) << waiting;
  const std::int64_t used = resident_memory() - before;
  EXPECT_EQ(worker.counts().running, kJobs);
  if (!is_sanitized()) {
    EXPECT_LT(used, 100 << 20);
    std::printf("memory used by %zu waiting coroutines: %ld KiB\n", kJobs, used / 1024);
  }
  stop(worker);
  EXPECT_EQ(worker.counts().interrupted, kJobs);
}

TEST_P(Coroutines, ATestPollsTheirContext) {
  push_numbers(3);
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  TestWorker worker(broker(), {.while_waiting = [&] { io.poll(); }});
  int seen = 0;
  handle_coroutine<Number>(worker, io.get_executor(), [&](const Number&) -> awaitable<void> {
    co_await wait_for(5ms);
    ++seen;
  });
  EXPECT_EQ(worker.drain().value().done, 3U);
  EXPECT_EQ(seen, 3);
}

LEAT_ON_EVERY_JOBS_BROKER(Coroutines);

}  // namespace
}  // namespace leat::test
