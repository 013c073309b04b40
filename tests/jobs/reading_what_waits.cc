// A move reads exactly the jobs that it was given, in their order, whatever lies between, before and behind them.
#include <algorithm>
#include <iterator>
#include <numeric>
#include <stdexcept>

#include "broker/fault_broker.h"
#include "jobs/handoff_reader.h"
#include "leat/jetstream_broker.h"
#include "tests/jobs/jobs_suite.h"
#include "tests/support/comes_true.h"
#include "tests/support/nats_server.h"

namespace leat::test {
namespace {

using Sequences = std::vector<std::uint64_t>;
constexpr std::uint64_t kStored = 3000;

void store(Broker& broker, std::size_t payload) {
  std::vector<AppendRequest> requests;
  for (std::uint64_t i = 0; i < kStored; ++i) {
    requests.push_back({.message = {.subject = "waiting." + std::to_string(i), .payload = std::string(payload, 'x')}});
  }
  for (const auto& appended : broker.append("waiting", requests)) ASSERT_TRUE(appended);
}

// What is read of these sequences.
Sequences read_from(Broker& broker, const Sequences& sequences) {
  Sequences found;
  HandoffReader reader(broker, "waiting", sequences);
  while (!reader.is_over()) {
    const auto messages = reader.next({});
    if (!messages) throw std::runtime_error(messages.error().message());
    for (const StoredMessage& message : *messages) {
      EXPECT_EQ(message.subject, "waiting." + std::to_string(message.sequence - 1));
      EXPECT_FALSE(message.payload.empty());
      found.push_back(message.sequence);
    }
  }
  return found;
}

class ReadingWhatWaits : public JobsSuite {
 protected:
  void store(std::size_t payload) {
    ASSERT_TRUE(broker().ensure_stream({.name = "waiting", .subjects = {"waiting.>"}}));
    test::store(broker(), payload);
  }
  void remove(const Sequences& sequences) {
    for (const auto& removed : broker().admin().remove("waiting", sequences)) EXPECT_TRUE(removed && *removed);
  }
  Sequences read(const Sequences& sequences) { return read_from(broker(), sequences); }
};

Sequences row(std::uint64_t first, std::uint64_t last) {
  Sequences sequences(last - first + 1);
  std::iota(sequences.begin(), sequences.end(), first);
  return sequences;
}

TEST_P(ReadingWhatWaits, FindsARowAndNothingBesideIt) {
  store(10);
  EXPECT_EQ(read({}), Sequences());
  EXPECT_EQ(read({5}), Sequences{5});
  for (const auto& [first, last] : {std::pair{1U, 3000U}, {1U, 999U}, {501U, 1500U}, {2000U, 3000U}, {7U, 2345U}}) {
    EXPECT_EQ(read(row(first, last)), row(first, last)) << first << " to " << last;
  }
}

TEST_P(ReadingWhatWaits, LeavesOutWhatIsGone) {
  store(10);
  Sequences gone{100, 101, 599, 600, 601, 1099};
  for (std::uint64_t sequence = 1400; sequence <= 2100; ++sequence) gone.push_back(sequence);
  remove(gone);
  Sequences left;
  const Sequences all = row(100, 2100);
  std::set_difference(all.begin(), all.end(), gone.begin(), gone.end(), std::back_inserter(left));
  EXPECT_EQ(read(all), left);
  EXPECT_EQ(read(row(1400, 2100)), Sequences());
  remove(row(2101, 3000));
  EXPECT_EQ(read(row(1400, 3000)), Sequences());
  EXPECT_EQ(read(row(101, 3000)), Sequences(left.begin(), left.end()));
}

TEST_P(ReadingWhatWaits, FindsWhatLiesInNoRow) {
  store(10);
  remove({2, 4, 1000});
  Sequences wanted{3000, 4, 3, 2, 1};
  for (std::uint64_t sequence = 10; sequence < 2999; sequence += 2) wanted.push_back(sequence);
  Sequences left = wanted;
  std::erase_if(left, [](std::uint64_t sequence) { return sequence == 2 || sequence == 4 || sequence == 1000; });
  EXPECT_EQ(read(wanted), left);
}

TEST_P(ReadingWhatWaits, FindsLargeOnesInPortions) {
  store(20'000);
  EXPECT_EQ(read(row(1, 1800)), row(1, 1800));
}

LEAT_ON_EVERY_JOBS_BROKER(ReadingWhatWaits);

// A reader may be at a replica that does not know yet what was removed.
TEST(ReadingReplicas, AsksTheLeaderForEach) {
  const auto binaries = nats_server_binaries();
  ASSERT_FALSE(binaries.empty()) << "no nats-server is at hand";
  const NatsCluster cluster(binaries.back());
  Faults faults;
  const auto broker = make_fault_broker(open_jetstream_broker({.servers = cluster.addresses()}).value(), faults);
  ASSERT_TRUE(comes_true([&] {
    return broker->ensure_stream({.name = "waiting", .subjects = {"waiting.>"}, .replicas = 3}).has_value();
  }));
  store(*broker, 10);
  EXPECT_EQ(read_from(*broker, row(100, 1700)), row(100, 1700));
  EXPECT_EQ(faults.calls(Operation::kOpenReader), 0U);
}

}  // namespace
}  // namespace leat::test
