// What happens to a client when its NATS server is stopped, killed, replaced, or has another idea of the world.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <set>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/jetstream_broker.h"
#include "leat/leat.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kPatience{30};

SteadyTime patience() {
  return deadline_after(real_clock(), kPatience);
}
bool waiting(SteadyTime until) {
  return real_clock().steady() < until;
}

std::unique_ptr<Broker> connect(const std::vector<std::string>& servers) {
  return open_jetstream_broker({.servers = servers}).value();
}

std::vector<AppendRequest> numbered(std::size_t count, const std::string& prefix) {
  std::vector<AppendRequest> requests(count);
  for (std::size_t i = 0; i < count; ++i) {
    requests[i].message.subject = prefix + std::to_string(i);
    requests[i].message.payload = std::to_string(i);
    requests[i].message_id = prefix + std::to_string(i);
    requests[i].expected_last = 0;
  }
  return requests;
}

void append_all(Broker& broker, const std::string& stream, const std::vector<AppendRequest>& requests) {
  for (const auto& result : broker.append(stream, requests)) ASSERT_TRUE(result) << result.error().message();
}

// Fetches and settles until `count` different messages were seen; the deliveries of each are counted.
std::map<std::uint64_t, int> work_off(Consumer& consumer, std::size_t count, std::size_t ahead) {
  std::map<std::uint64_t, int> seen;
  const SteadyTime until = patience();
  while (seen.size() < count && waiting(until)) {
    auto deliveries = consumer.fetch(
        {.max_count = std::min<std::size_t>(count - seen.size(), 10), .max_wait = milliseconds(500), .ahead = ahead},
        {});
    if (!deliveries) continue;
    std::vector<Settlement> settlements;
    for (const Delivery& delivery : *deliveries) {
      ++seen[delivery.message.sequence];
      settlements.push_back({.lease = delivery.lease, .confirm = true});
    }
    (void)consumer.settle(settlements);
  }
  return seen;
}

class JetStreamTrouble : public testing::TestWithParam<NatsBinary> {
 protected:
  StreamConfig work_queue(unsigned replicas = 1) const {
    return {.name = "work", .subjects = {"work.>"}, .retention = Retention::kWorkQueue, .replicas = replicas};
  }

  // A fetch that waits, a server that goes and comes back, and a message that only then is there.
  void restart_in_mid_pull(NatsServer::Shutdown how, std::size_t ahead) {
    NatsServer server({.binary = GetParam()});
    const auto broker = connect({server.address()});
    ASSERT_TRUE(broker->ensure_stream(work_queue()));
    const auto consumer = broker->open_consumer({.stream = "work", .name = "c"}).value();
    std::atomic<bool> got{false};
    Thread fetcher = start_thread("fetcher", [&](std::stop_token stop) {
      while (!stop.stop_requested() && !got) {
        const auto deliveries = consumer->fetch({.max_wait = seconds(20), .ahead = ahead}, stop);
        if (deliveries && !deliveries->empty()) got = true;
      }
    });
    sleep_for(real_clock(), milliseconds(200), {});  // the fetch is waiting, or else it only finds a simpler case
    server.stop(how);
    server.start();
    append_all(*broker, "work", numbered(1, "work."));
    const SteadyTime until = patience();
    while (!got && waiting(until)) sleep_for(real_clock(), milliseconds(5), {});
    EXPECT_TRUE(got);
  }
};

TEST_P(JetStreamTrouble, FetchGoesOnAfterTheServerWasStopped) {
  restart_in_mid_pull(NatsServer::Shutdown::kTerminate, 0);
  restart_in_mid_pull(NatsServer::Shutdown::kTerminate, 16);
}

TEST_P(JetStreamTrouble, FetchGoesOnAfterTheServerWasKilled) {
  restart_in_mid_pull(NatsServer::Shutdown::kKill, 0);
  restart_in_mid_pull(NatsServer::Shutdown::kKill, 16);
}

TEST_P(JetStreamTrouble, AppendDuringARestartStoresEachMessageOnce) {
  NatsServer server({.binary = GetParam()});
  const auto broker = connect({server.address()});
  ASSERT_TRUE(broker->ensure_stream(work_queue()));
  const auto requests = numbered(20'000, "work.");
  Thread restarter = start_thread("restarter", [&](std::stop_token) {
    const auto other = connect({server.address()});
    while (other->admin().stream("work").value().messages < 1000) sleep_for(real_clock(), milliseconds(1), {});
    server.stop(NatsServer::Shutdown::kKill);
    server.start();
  });
  const auto results = broker->append("work", requests);
  restarter.join();
  std::set<std::uint64_t> sequences;
  for (const auto& result : results) {
    ASSERT_TRUE(result) << result.error().message();
    sequences.insert(result->sequence);
  }
  EXPECT_EQ(sequences.size(), requests.size());
  EXPECT_EQ(broker->admin().stream("work").value().messages, requests.size());
}

TEST_P(JetStreamTrouble, FrozenServerMakesAppendWaitAndThenGoOn) {
  NatsServer server({.binary = GetParam()});
  const auto broker = connect({server.address()});
  ASSERT_TRUE(broker->ensure_stream(work_queue()));
  append_all(*broker, "work", numbered(1, "work.first."));
  server.freeze();
  Thread thawer = start_thread("thawer", [&](std::stop_token stop) {
    sleep_for(real_clock(), seconds(7), stop);  // longer than an answer is waited for: the append is repeated
    server.thaw();
  });
  const auto results = broker->append("work", numbered(3, "work."));
  thawer.join();
  for (const auto& result : results) EXPECT_TRUE(result) << result.error().message();
  EXPECT_EQ(broker->admin().stream("work").value().messages, 4u);
}

// The frozen server has the first requests in its socket: once it goes on, it obeys these, then the repeated ones.
TEST_P(JetStreamTrouble, FrozenServerMakesRemovalsWaitAndThenGoOn) {
  NatsServer server({.binary = GetParam()});
  const auto broker = connect({server.address()});
  ASSERT_TRUE(broker->ensure_stream(work_queue()));
  append_all(*broker, "work", numbered(20, "work."));
  server.freeze();
  Thread thawer = start_thread("thawer", [&](std::stop_token stop) {
    sleep_for(real_clock(), seconds(7), stop);  // longer than an answer is waited for: the removals are repeated
    server.thaw();
  });
  std::vector<std::uint64_t> sequences(15);
  std::iota(sequences.begin(), sequences.end(), std::uint64_t{3});
  const auto results = broker->admin().remove("work", sequences);
  thawer.join();
  for (const auto& result : results) EXPECT_TRUE(result.value());
  EXPECT_EQ(broker->admin().stream("work").value().messages, 5u);
  for (const auto& result : broker->admin().remove("work", sequences)) EXPECT_FALSE(result.value());
}

TEST_P(JetStreamTrouble, MessageWithoutIdIsNotRepeated) {
  NatsServer server({.binary = GetParam()});
  const auto broker = connect({server.address()});
  ASSERT_TRUE(broker->ensure_stream(work_queue()));
  append_all(*broker, "work", numbered(1, "work.first."));
  server.freeze();
  const AppendRequest request{.message = {.subject = "work.a"}};
  const auto results = broker->append("work", {&request, 1});
  server.thaw();
  ASSERT_FALSE(results.front());
  EXPECT_EQ(results.front().error().code(), ErrorCode::kUnknown);
}

// Renewals get no answer, and each waits longer for one than the lease lasts.
TEST_P(JetStreamTrouble, FrozenServerLetsAHandlerBeStoppedBeforeItsLeaseIsOver) {
  NatsServer server({.binary = GetParam()});
  const auto broker = connect({server.address()});
  constexpr seconds kAckWait{8};
  Worker worker(*broker, {.concurrency = 1, .ack_wait = kAckWait});
  std::atomic<bool> begun{false};
  std::atomic<SteadyTime> stopped{SteadyTime::max()};
  std::atomic<StopReason> reason{StopReason::kNone};
  worker.handle("job", [&](JobContext& job) {
    begun = true;
    for (const SteadyTime until = patience(); !job.stop_token().stop_requested() && waiting(until);) {
      sleep_for(real_clock(), milliseconds(5), job.stop_token());
    }
    reason = job.stop_reason();
    stopped = real_clock().steady();
    return Outcome::retry("stopped");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(Queue(*broker).push(EncodedJob{"job", "x", {}}));
  for (const SteadyTime until = patience(); !begun && waiting(until);) {
    sleep_for(real_clock(), milliseconds(5), {});
  }
  ASSERT_TRUE(begun);
  server.freeze();
  const SteadyTime frozen = real_clock().steady();
  for (const SteadyTime until = patience(); stopped.load() == SteadyTime::max() && waiting(until);) {
    sleep_for(real_clock(), milliseconds(5), {});
  }
  server.thaw();
  EXPECT_EQ(reason, StopReason::kLeaseLost);
  EXPECT_LT(stopped.load() - frozen, kAckWait);
  worker.stop();
}

TEST_P(JetStreamTrouble, SettledMessagesThatComeBackDoNotBlockTheirKeys) {
  NatsServer server({.binary = GetParam()});
  constexpr std::size_t kSettled = 250;
  const ConsumerConfig config{.stream = "work", .name = "c", .ack_wait = seconds(2)};
  {
    const auto broker = connect({server.address()});
    ASSERT_TRUE(broker->ensure_stream(work_queue()));
    append_all(*broker, "work", numbered(kSettled, "work."));
    // Some that stay: a server that removed everything from a file removes the file, and nothing comes back.
    append_all(*broker, "work", numbered(kSettled, "work.waiting."));
    const auto consumer = broker->open_consumer(config).value();
    EXPECT_EQ(work_off(*consumer, kSettled, 0).size(), kSettled);
    // The server writes down up to ten times a second how far a consumer is, and tells nobody when it did.
    sleep_for(real_clock(), milliseconds(400), {});
  }
  server.stop(NatsServer::Shutdown::kKill);
  server.start();
  const auto broker = connect({server.address()});
  ASSERT_TRUE(broker->ensure_stream(work_queue()));
  // What was acknowledged and not written down in time is delivered again; all else that was settled must be gone.
  const auto consumer = broker->open_consumer(config).value();
  const std::size_t left = broker->admin().stream("work").value().messages;
  EXPECT_GE(left, kSettled);
  EXPECT_EQ(work_off(*consumer, left, 16).size(), left);
  EXPECT_EQ(broker->admin().stream("work").value().messages, 0u);
  for (AppendRequest request : numbered(kSettled, "work.")) {
    request.message_id += "again";
    EXPECT_TRUE(broker->append("work", {&request, 1}).front());
  }
}

TEST_P(JetStreamTrouble, ReaderAndWatchGoOnAfterARestart) {
  NatsServer server({.binary = GetParam()});
  const auto broker = connect({server.address()});
  ASSERT_TRUE(broker->ensure_stream({.name = "events", .subjects = {"events.>"}}));
  append_all(*broker, "events", numbered(10, "events.a."));
  const auto reader = broker->open_reader({.stream = "events", .follow = true}).value();
  const auto bucket = broker->open_bucket({.name = "b"}).value();
  ASSERT_TRUE(bucket->put("k", "1"));
  const auto watch = bucket->watch("").value();
  std::size_t read = 0;
  std::string value;
  const auto catch_up = [&](std::size_t messages, const std::string& wanted) {
    const SteadyTime until = patience();
    while ((read < messages || value != wanted) && waiting(until)) {
      if (auto some = reader->read({.max_wait = milliseconds(100)}, {})) read += some->size();
      if (auto some = watch->next(milliseconds(100), {}); some && !some->empty()) value = some->back().value;
    }
    EXPECT_EQ(read, messages);
    EXPECT_EQ(value, wanted);
  };
  catch_up(10, "1");
  server.stop(NatsServer::Shutdown::kKill);
  server.start();
  append_all(*broker, "events", numbered(10, "events.b."));
  ASSERT_TRUE(bucket->put("k", "2"));
  catch_up(20, "2");
}

TEST_P(JetStreamTrouble, KilledLeaderOfThreeLosesNothing) {
  NatsCluster cluster(GetParam());
  const auto broker = connect(cluster.addresses());
  ASSERT_TRUE(broker->ensure_stream(work_queue(3)));
  const auto consumer = broker->open_consumer({.stream = "work", .name = "c"}).value();
  append_all(*broker, "work", numbered(500, "work.a."));
  cluster.leader_of("work").stop(NatsServer::Shutdown::kKill);
  append_all(*broker, "work", numbered(500, "work.b."));
  EXPECT_EQ(work_off(*consumer, 1000, 16).size(), 1000u);
}

INSTANTIATE_TEST_SUITE_P(Servers, JetStreamTrouble, testing::ValuesIn(nats_server_binaries()), [](const auto& each) {
  std::string name = "v" + each.param.version;
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace leat::test
