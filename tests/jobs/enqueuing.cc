// Pushing without waiting, and what a job brings with it.
#include <set>

#include "core/thread.h"
#include "leat/json.h"
#include "tests/jobs/jobs_suite.h"

namespace leat::test {

struct Urgent {
  int number = 0;
  static constexpr std::string_view kind = "urgent";
  static PushOptions push_options() { return {.priority = Priority::kHigh, .max_attempts = 1}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Urgent, number)

namespace {

class Enqueuing : public JobsSuite {};

TEST_P(Enqueuing, ManyThreadsPushWithoutWaiting) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::vector<std::future<Result<JobId>>>> pushed(kThreads);
  std::atomic<int> called{0};
  {
    Queue queue(broker());
    ThreadPool pool("push", kThreads, [&](std::size_t thread, const std::stop_token&) {
      for (int i = 0; i < kEach; ++i) {
        const PushOptions options{.priority = kPriorities[static_cast<std::size_t>(i) % kPriorities.size()]};
        pushed[thread].push_back(queue.push_async(EncodedJob{"number", "1", {}}, options));
        queue.push_async(EncodedJob{"number", "1", {}}, options, [&](Result<JobId> id) { called += id ? 1 : 0; });
      }
    });
    pool.stop();
  }
  EXPECT_EQ(called, kThreads * kEach);
  std::set<std::string> ids;
  for (auto& futures : pushed) {
    for (std::size_t i = 0; i < futures.size(); ++i) {
      const auto id = futures[i].get();
      ASSERT_TRUE(id) << id.error().message();
      EXPECT_EQ(id->priority(), kPriorities[i % kPriorities.size()]);
      ids.insert(id->str());
    }
  }
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(messages("leat_high") + messages("leat_medium") + messages("leat_low"),
            static_cast<std::uint64_t>(2 * kThreads * kEach));
}

TEST_P(Enqueuing, EachAsynchronousPushHasAnAnswerOfItsOwn) {
  Queue queue(broker());
  auto good = queue.push_async(EncodedJob{"number", "1", {}}, {.unique = Unique{.key = "k"}});
  auto taken = queue.push_async(EncodedJob{"number", "1", {}}, {.unique = Unique{.key = "k"}});
  auto bad_kind = queue.push_async(EncodedJob{"two words", "1", {}});
  auto bad_option = queue.push_async(EncodedJob{"number", "1", {}}, {.max_attempts = 0U});
  EXPECT_TRUE(good.get());
  EXPECT_EQ(taken.get().error().code(), ErrorCode::kConflict);
  EXPECT_EQ(bad_kind.get().error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(bad_option.get().error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(Enqueuing, ATypeHasOptionsAndAPushMayHaveOthers) {
  Queue queue(broker());
  EXPECT_EQ(queue.push(Urgent{1}).value().priority(), Priority::kHigh);
  EXPECT_EQ(queue.push(Urgent{2}, {}).value().priority(), Priority::kMedium);
  EXPECT_EQ(queue.push_async(Urgent{3}).get().value().priority(), Priority::kHigh);
  for (const auto& id : queue.push_many(std::vector<Urgent>{{4}, {5}})) EXPECT_EQ(id->priority(), Priority::kHigh);
}

TEST_P(Enqueuing, HeadersReachTheHandler) {
  Headers headers;
  headers.set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  push_numbers(1, {.headers = headers});
  Worker worker(broker(), {.concurrency = 1});
  std::atomic<bool> same{false};
  worker.handle("number", [&](JobContext& job) {
    same = job.headers().get("traceparent") == headers.get("traceparent");
    return Outcome::done();
  });
  ASSERT_TRUE(worker.start());
  EXPECT_TRUE(eventually([&] { return worker.counts().done == 1; }));
  EXPECT_TRUE(same);
}

TEST_P(Enqueuing, BadOptionsAreRefused) {
  Queue queue(broker());
  Headers taken;
  taken.set("Leat-Kind", "other");
  Headers in_another_case;  // HTTP servers would take the one for the other
  in_another_case.set("leat-job-id", "other");
  Headers two_lines;
  two_lines.set("x", "a\r\nb");
  for (const PushOptions& options :
       {PushOptions{.retry = RetryPolicy{.factor = 0}}, PushOptions{.timeout = Duration{1}},
        PushOptions{.deadline = SystemTime{}}, PushOptions{.headers = taken}, PushOptions{.headers = in_another_case},
        PushOptions{.headers = two_lines}}) {
    EXPECT_EQ(queue.push(EncodedJob{"number", "1", {}}, options).error().code(), ErrorCode::kInvalidArgument);
  }
}

// Whoever brings them: the dead letter of the job has to hold them too.
TEST_P(Enqueuing, HeadersCountForTheLimit) {
  Queue queue(broker());
  Headers large;
  large.set("x", std::string(queue.max_payload(), 'y'));
  Headers small;
  small.set("x", std::string(4096, 'y'));
  const std::string full(queue.max_payload(), 'p');
  for (const auto& refused : {queue.push(EncodedJob{"number", "1", large}),                   //
                              queue.push(EncodedJob{"number", "1", {}}, {.headers = large}),  //
                              queue.push(EncodedJob{"number", full, small}),
                              queue.push(EncodedJob{"number", full, {}}, {.headers = small})}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(refused.error().message().find("payload"), std::string::npos) << refused.error().message();
  }
  EXPECT_TRUE(queue.push(EncodedJob{"number", full, {}}));
}

LEAT_ON_EVERY_JOBS_BROKER(Enqueuing);

}  // namespace
}  // namespace leat::test
