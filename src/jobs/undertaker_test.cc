// The letters that dead jobs leave.
#include "jobs/undertaker.h"

#include <gtest/gtest.h>

#include <optional>

#include "leat/leat.h"
#include "leat/memory_broker.h"
#include "leat/testing.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

// A job in hand that has died.
struct DeadJob {
  explicit DeadJob(Broker& broker) {
    EXPECT_TRUE(Queue(broker).push(EncodedJob{"die", "1", {}}));
    consumer =
        broker.open_consumer({.stream = "leat_medium", .name = "default", .filter = "leat.medium.default.*"}).value();
    batch.emplace(served, *consumer, 1);
    job().batch = &*batch;
    job().delivery = consumer->fetch({}, {}).value().front();
    job().record.dead = {.reason = "dead", .error = "no"};
  }

  HeldJob& job() { return batch->jobs.front(); }
  Result<void> bury(Broker& broker) {
    const HeldJob* const one = &job();
    return Undertaker(broker, Names({.name = "leat"})).bury({&one, 1}).front();
  }

  ServedQueue served{.queue = "default", .stream = "leat_medium", .stream_created = "1"};
  std::unique_ptr<Consumer> consumer;
  std::optional<HeldBatch> batch;
};

// A day later no broker remembers message ids: the letter's subject alone tells that it is there.
TEST(Undertaker, ASecondBurialAddsNoLetter) {
  ManualClock clock;
  const auto broker = open_memory_broker({.clock = &clock});
  DeadJob dead(*broker);
  for (const Duration later : {Duration(0s), Duration(24h)}) {
    clock.advance(later);
    const auto buried = dead.bury(*broker);
    ASSERT_TRUE(buried) << buried.error().message();
    EXPECT_EQ(DeadLetters(*broker).list().value().size(), 1U);
  }
}

// As another client of a NATS server can make them.
TEST(Undertaker, HeadersThatNoBrokerTakesAreLeftOut) {
  const auto broker = open_memory_broker();
  DeadJob dead(*broker);
  Headers& headers = dead.job().delivery.message.headers;
  headers.set("Empty", "");
  headers.set("Spaced", "a ");
  headers.set("Trace", "7");
  const auto buried = dead.bury(*broker);
  ASSERT_TRUE(buried) << buried.error().message();
  const DeadLetter letter = DeadLetters(*broker).list().value().front();
  EXPECT_EQ(letter.kind, "die");
  EXPECT_EQ(letter.headers.get("Trace"), "7");
  EXPECT_FALSE(letter.headers.get("Empty"));
  EXPECT_FALSE(letter.headers.get("Spaced"));
}

}  // namespace
}  // namespace leat::test
