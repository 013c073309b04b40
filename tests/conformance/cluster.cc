// Three servers that are one: what was acknowledged outlives the server that led.
#include <algorithm>
#include <set>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/jetstream_broker.h"
#include "tests/conformance/suite.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

std::vector<std::string> server_versions() {
  std::vector<std::string> versions;
  for (const NatsBinary& binary : nats_server_binaries()) versions.push_back(binary.version);
  return versions;
}

std::string as_test_name(const testing::TestParamInfo<std::string>& version) {
  std::string name = "jetstream_" + version.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

class Cluster : public testing::TestWithParam<std::string> {
 protected:
  bool eventually(const std::function<bool()>& happened) {
    const SteadyTime deadline = real_clock().steady() + 3 * kPatience;  // an election takes seconds
    while (!happened()) {
      if (real_clock().steady() >= deadline) return false;
      sleep_for(real_clock(), 20ms, {});
    }
    return true;
  }

  NatsCluster cluster_{nats_server_binary(GetParam())};
  std::unique_ptr<Broker> broker_ = open_jetstream_broker({.servers = cluster_.addresses()}).value();
};

INSTANTIATE_TEST_SUITE_P(, Cluster, testing::ValuesIn(server_versions()), as_test_name);

TEST_P(Cluster, KilledStreamLeaderLosesNothingThatWasAcknowledged) {
  const StreamConfig config{.name = "work", .subjects = {"work.>"}, .retention = Retention::kWorkQueue, .replicas = 3};
  ASSERT_TRUE(eventually([&] { return broker_->ensure_stream(config).has_value(); }));
  std::unique_ptr<Consumer> consumer;
  ASSERT_TRUE(eventually([&] {
    auto opened = broker_->open_consumer({.stream = "work", .name = "workers", .ack_wait = 3s});
    if (opened) consumer = std::move(*opened);
    return consumer != nullptr;
  }));
  Mutex mutex;
  std::set<std::string> acknowledged;
  std::set<std::string> received;
  const auto count = [&] {
    MutexLock lock(mutex);
    return acknowledged.size();
  };
  auto appender = start_thread("append", [&](const std::stop_token& stop) {
    for (int next = 0; !stop.stop_requested(); ++next) {
      const std::string id = std::to_string(next);
      const AppendRequest request{.message = {.subject = "work.a", .headers = {}, .payload = id}, .message_id = id};
      const auto appended = broker_->append("work", {&request, 1}).at(0);
      MutexLock lock(mutex);
      if (appended) acknowledged.insert(id);
    }
  });
  auto receiver = start_thread("receive", [&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto fetched = consumer->fetch({.max_count = 50, .max_wait = 200ms}, stop);
      if (!fetched) continue;
      std::vector<Settlement> settlements;
      for (const Delivery& delivery : *fetched) settlements.push_back({.lease = delivery.lease});
      consumer->settle(settlements);
      MutexLock lock(mutex);
      for (const Delivery& delivery : *fetched) received.insert(delivery.message.payload);
    }
  });
  EXPECT_TRUE(eventually([&] { return count() >= 100; }));
  NatsServer& leader = cluster_.leader_of("work");
  leader.stop(NatsServer::Shutdown::kKill);
  const std::size_t before = count();
  EXPECT_TRUE(eventually([&] { return count() >= before + 100; }));
  EXPECT_NE(&cluster_.leader_of("work"), &leader);
  leader.start();
  const std::size_t after = count();
  EXPECT_TRUE(eventually([&] { return count() >= after + 100; }));
  appender.request_stop();
  appender.join();
  EXPECT_TRUE(eventually([&] {
    MutexLock lock(mutex);
    return std::includes(received.begin(), received.end(), acknowledged.begin(), acknowledged.end());
  }));
  receiver.request_stop();
}

}  // namespace
}  // namespace leat::test
