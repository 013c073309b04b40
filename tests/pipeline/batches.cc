// How batches are cut, settled, kept and ended, on every broker.
#include "tests/pipeline/batch_suite.h"

namespace leat::test {
namespace {

using Payloads = std::vector<std::string>;

class Batches : public BatchSuite {
 protected:
  // The letters under "dead", by payload.
  std::map<std::string, StoredMessage> dead_letters() {
    std::map<std::string, StoredMessage> letters;
    const auto stream = broker().admin().stream("dead");
    if (!stream) return letters;
    for (std::uint64_t sequence = 1; sequence <= stream->last_sequence; ++sequence) {
      auto letter = broker().admin().read("dead", sequence);
      if (letter && *letter) letters[(*letter)->payload] = **letter;
    }
    return letters;
  }
  bool all_settled() { return facts().unsettled == 0 && facts().pending == 0; }
};
LEAT_ON_EVERY_BROKER(Batches);

TEST_P(Batches, AreCutByCount) {
  append_numbers(30);
  SeenBatches seen;
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_count = 10, .max_wait = 1h},
                        [&](Batch& batch) -> Result<void> {
                          seen.add(batch);
                          return {};
                        });
  ASSERT_TRUE(eventually([&] { return seen.size() == 3 && run.counts().done == 30 && all_settled(); }));
  EXPECT_TRUE(run.stop());
  for (const auto& batch : seen.all()) EXPECT_EQ(batch.size(), 10U);
  EXPECT_EQ(seen.all()[0].front(), "0");
  EXPECT_EQ(seen.all()[2].back(), "29");
  EXPECT_EQ(run.counts().batches, 3U);
}

TEST_P(Batches, AreCutByBytes) {
  const std::string large(1000, 'x');
  append(Payloads(6, large));
  append({std::string(9000, 'y')});
  append(Payloads(3, large));
  SeenBatches seen;
  std::atomic<std::size_t> most{0};
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_bytes = 3500, .max_wait = 1h},
                        [&](Batch& batch) -> Result<void> {
                          if (batch.size() > 1) most = std::max(most.load(), batch.bytes());
                          seen.add(batch);
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return seen.size() >= 3; }));
  append(Payloads(3, large));  // pushes the last batch out
  EXPECT_TRUE(eventually([&] { return seen.size() == 4; }));
  EXPECT_LE(most, 3500U);
  std::vector<std::size_t> sizes;
  for (const auto& batch : seen.all()) sizes.push_back(batch.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 1, 3}));
}

TEST_P(Batches, AreCutByTime) {
  append_numbers(3);
  SeenBatches seen;
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_wait = 100ms},
                        [&](Batch& batch) -> Result<void> {
                          seen.add(batch);
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return seen.payloads().size() == 3; }));
  append({"3"});
  EXPECT_TRUE(eventually([&] { return seen.payloads().size() == 4 && run.counts().done == 4; }));
}

TEST_P(Batches, EachMessageHasItsVerdict) {
  append({"done", "retry", "dead", "late"});
  SeenBatches seen;
  BackgroundBatches run(
      broker(), {.stream = "events", .name = "report", .max_count = 4, .max_wait = 100ms, .dead_stream = "dead"},
      [&](Batch& batch) -> Result<void> {
        seen.add(batch);
        for (std::size_t i = 0; i < batch.size(); ++i) {
          if (batch[i].payload == "retry" && batch.deliveries(i) == 1) batch.retry(i, 0s);
          if (batch[i].payload == "dead") batch.dead(i, "no\nsuch device ");
          if (batch[i].payload == "late" && batch.deliveries(i) == 1) batch.retry(i, 1h);
        }
        return {};
      });
  EXPECT_TRUE(
      eventually([&] { return run.counts().done == 2 && run.counts().dead == 1 && run.counts().retried == 2; }));
  EXPECT_TRUE(run.stop());
  EXPECT_EQ(seen.payloads(), (std::map<std::string, int>{{"done", 1}, {"retry", 2}, {"dead", 1}, {"late", 1}}));
  EXPECT_EQ(run.counts().retried, 2U);
  const auto letters = dead_letters();
  ASSERT_EQ(letters.size(), 1U);
  const Headers& headers = letters.at("dead").headers;
  EXPECT_EQ(headers.get("Leat-Dead-Reason"), "no such device");
  EXPECT_EQ(headers.get("Leat-Dead-Subject"), "events.a");
  EXPECT_EQ(headers.get("Leat-Dead-Stream"), "events");
  EXPECT_EQ(headers.get("Leat-Dead-Sequence"), "3");
  EXPECT_EQ(headers.get("Leat-Dead-Subscription"), "report");
  EXPECT_EQ(headers.get("Leat-Dead-Deliveries"), "1");
}

TEST_P(Batches, AnErrorBringsTheSameBatchAgainAfterAPause) {
  append_numbers(3);
  SeenBatches seen;
  std::vector<unsigned> attempts;
  BackgroundBatches run(broker(),
                        {.stream = "events",
                         .name = "report",
                         .max_count = 3,
                         .max_wait = 1h,
                         .ack_wait = 1500ms,
                         .backoff = RetryPolicy::fixed(2s)},  // longer than a lease
                        [&](Batch& batch) -> Result<void> {
                          seen.add(batch);
                          attempts.push_back(batch.attempt());
                          batch.dead(0, "forgotten with the error");
                          if (batch.attempt() == 1) return Error(ErrorCode::kUnavailable, "database is away");
                          if (batch.attempt() == 2) throw std::runtime_error("thrown");
                          batch.done(0);
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return run.counts().done == 3 && all_settled(); }));
  EXPECT_TRUE(run.stop());
  EXPECT_EQ(attempts, (std::vector<unsigned>{1, 2, 3}));
  EXPECT_EQ(seen.all(), (std::vector<Payloads>(3, numbers(3))));
  EXPECT_EQ(run.counts().failures, 2U);
  EXPECT_EQ(run.counts().lost + run.counts().dead + run.counts().retried, 0U);
}

TEST_P(Batches, LeasesHoldWhileBatchesWait) {
  append_numbers(20);
  SeenBatches seen;
  Barrier barrier;
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_count = 5, .ack_wait = 1500ms},
                        [&](Batch& batch) -> Result<void> {
                          seen.add(batch);
                          barrier.wait();
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return barrier.waiting() == 1; }));
  pass(4s);
  barrier.open();
  EXPECT_TRUE(eventually([&] { return run.counts().done == 20 && all_settled(); }));
  for (const auto& [payload, times] : seen.payloads()) EXPECT_EQ(times, 1) << payload;
  EXPECT_EQ(run.counts().lost, 0U);
}

TEST_P(Batches, TheNextOneIsCollectedWhileOneIsProcessedAndNoMore) {
  append_numbers(200);
  Barrier barrier;
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_count = 20, .max_wait = 1h},
                        [&](Batch&) -> Result<void> {
                          barrier.wait();
                          return {};
                        });
  // One in hand, one behind it, and what the broker may lease ahead.
  EXPECT_TRUE(eventually([&] { return barrier.waiting() == 1 && facts().unsettled >= 40; }));
  pass(100ms);
  EXPECT_LE(facts().unsettled, 60U);
  barrier.open();
  EXPECT_TRUE(eventually([&] { return run.counts().done == 200; }));
}

TEST_P(Batches, StopFinishesTheOneInHandAndGivesTheRestBack) {
  append_numbers(60);
  Barrier barrier;
  SeenBatches first;
  const auto second_broker = fixture().open();
  SeenBatches second;
  {
    BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_count = 10, .max_wait = 1h},
                          [&](Batch& batch) -> Result<void> {
                            first.add(batch);
                            barrier.wait();
                            return {};
                          });
    EXPECT_TRUE(eventually([&] { return barrier.waiting() == 1 && facts().unsettled >= 20; }));
    run.request_stop();
    barrier.open();
    EXPECT_TRUE(run.stop());
    EXPECT_EQ(run.counts().done, 10U);
  }
  const SteadyTime began = broker().clock().steady();
  std::atomic<std::uint32_t> most_deliveries{0};
  BackgroundBatches run(*second_broker, {.stream = "events", .name = "report", .max_count = 10, .max_wait = 10ms},
                        [&](Batch& batch) -> Result<void> {
                          for (std::size_t i = 0; i < batch.size(); ++i)
                            most_deliveries = std::max(most_deliveries.load(), batch.deliveries(i));
                          second.add(batch);
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return run.counts().done == 50 && all_settled(); }));
  EXPECT_LT(broker().clock().steady() - began, 25s);  // not after the 30 s that leases would have lasted
  EXPECT_EQ(first.size(), 1U);
  EXPECT_EQ(second.payloads().size(), 50U);
  EXPECT_LE(most_deliveries, 2U);  // what was given back did not come to the first one again
}

// While the one in hand takes its time, others get what the broker has leased ahead.
TEST_P(Batches, StopGivesBackAtOnceWhatIsLeasedAhead) {
  append_numbers(60);
  Barrier barrier;
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_count = 20, .max_wait = 1h},
                        [&](Batch&) -> Result<void> {
                          barrier.wait();
                          return {};
                        });
  const std::uint64_t held = 40;  // in hand, and collected behind it
  const bool leases_ahead = fixture().has_server();
  EXPECT_TRUE(eventually([&] { return barrier.waiting() == 1 && facts().unsettled >= held + (leases_ahead ? 1 : 0); }));
  run.request_stop();
  const auto second_broker = fixture().open();
  SeenBatches seen;
  BackgroundBatches other(*second_broker, {.stream = "events", .name = "report", .max_wait = 10ms},
                          [&](Batch& batch) -> Result<void> {
                            seen.add(batch);
                            return {};
                          });
  EXPECT_TRUE(eventually([&] { return seen.payloads().size() >= 60 - held; }));
  EXPECT_FALSE(run.ended());
  barrier.open();
  EXPECT_TRUE(eventually([&] { return seen.payloads().size() == 40; }));
  EXPECT_TRUE(run.stop());
  EXPECT_EQ(run.counts().done, 20U);
}

TEST_P(Batches, StopEndsAPauseAndGivesAllBack) {
  append_numbers(5);
  {
    BackgroundBatches run(
        broker(),
        {.stream = "events", .name = "report", .max_count = 5, .max_wait = 1h, .backoff = RetryPolicy::fixed(1h)},
        [&](Batch&) -> Result<void> { return Error(ErrorCode::kUnavailable, "away"); });
    EXPECT_TRUE(eventually([&] { return run.counts().failures == 1; }));
    EXPECT_TRUE(run.stop());
    EXPECT_EQ(run.counts().retried, 5U);
  }
  SeenBatches seen;
  std::atomic<std::uint32_t> most_deliveries{0};
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_wait = 10ms},
                        [&](Batch& batch) -> Result<void> {
                          for (std::size_t i = 0; i < batch.size(); ++i)
                            most_deliveries = std::max(most_deliveries.load(), batch.deliveries(i));
                          seen.add(batch);
                          return {};
                        });
  EXPECT_TRUE(eventually([&] { return seen.payloads().size() == 5; }));
  EXPECT_LE(most_deliveries, 2U);
}

TEST_P(Batches, ADeletedSubscriptionIsAnErrorAfterTheBatchInHand) {
  append_numbers(5);
  Barrier barrier;
  BackgroundBatches run(broker(), {.stream = "events", .name = "report", .max_count = 5}, [&](Batch&) -> Result<void> {
    barrier.wait();
    return {};
  });
  EXPECT_TRUE(eventually([&] { return barrier.waiting() == 1; }));
  EXPECT_TRUE(broker().admin().delete_consumer("events", "report"));
  EXPECT_FALSE(run.ended());
  barrier.open();
  EXPECT_TRUE(eventually([&] { return run.ended(); }));
  EXPECT_CODE(run.stop(), ErrorCode::kNotFound);
  EXPECT_EQ(run.counts().batches, 1U);
}

// Every message that was stored is processed, with the server stopped twice on the way.
TEST_P(Batches, AServerMayStopInMidStream) {
  if (!fixture().has_server()) GTEST_SKIP() << "there is no server";
  SeenBatches seen;
  BackgroundBatches run(broker(),
                        {.stream = "events", .name = "report", .max_count = 20, .max_wait = 20ms, .ack_wait = 2s},
                        [&](Batch& batch) -> Result<void> {
                          seen.add(batch);
                          return {};
                        });
  Mutex mutex;
  std::vector<std::string> stored;
  Thread appending = start_thread("append", [&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      const std::string number = std::to_string(i);
      const AppendRequest request{.message = {.subject = "events.a", .headers = {}, .payload = number},
                                  .message_id = number};
      if (!broker().append("events", {&request, 1}).front()) continue;
      MutexLock lock(mutex);
      stored.push_back(number);
    }
  });
  for (const auto how : {BrokerFixture::Shutdown::kTerminate, BrokerFixture::Shutdown::kKill}) {
    const std::size_t before = seen.payloads().size();
    EXPECT_TRUE(eventually([&] { return seen.payloads().size() >= before + 100; }));
    fixture().stop_server(how);
    fixture().start_server();
    const std::size_t after = seen.payloads().size();
    EXPECT_TRUE(eventually([&] { return seen.payloads().size() >= after + 100; }));
  }
  appending.request_stop();
  appending.join();
  EXPECT_TRUE(eventually([&] {
    const auto got = seen.payloads();
    MutexLock lock(mutex);
    return std::all_of(stored.begin(), stored.end(), [&](const std::string& each) { return got.contains(each); });
  }));
  EXPECT_TRUE(run.stop());
}

}  // namespace
}  // namespace leat::test
