#include "pipeline/clickhouse/sample_envelopes.h"

#include <gtest/gtest.h>

#include <set>

#include "broker/fault_broker.h"
#include "leat/manual_clock.h"
#include "leat/memory_broker.h"
#include "leat/processed_envelope.pb.h"
#include "tests/support/mapping_rows.h"

namespace leat {
namespace {

const SystemTime kNoon(std::chrono::hours(12));

SampleEnvelopes samples(SampleEnvelopeOptions options) {
  return SampleEnvelopes::open(std::move(options)).value();
}

StoredMessage stored(const SampleEnvelopes& source, std::uint64_t number) {
  StoredMessage message = test::message_of("");
  static_cast<Message&>(message) = source.make(number).message;
  return message;
}

TEST(SampleEnvelopesTest, AreTheSameForASeed) {
  std::set<std::string> payloads;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const AppendRequest one = samples({.begin = kNoon}).make(i);
    const AppendRequest again = samples({.begin = kNoon}).make(i);
    ProcessedEnvelope a, b, other;
    a.ParseFromString(one.message.payload);
    b.ParseFromString(again.message.payload);
    EXPECT_EQ(a.DebugString(), b.DebugString());
    EXPECT_EQ(one.message_id, again.message_id);
    EXPECT_EQ(one.message.subject, "processed_envelopes." + a.end_device_id());
    other.ParseFromString(samples({.seed = 2, .begin = kNoon}).make(i).message.payload);
    EXPECT_NE(a.DebugString(), other.DebugString());
    payloads.insert(a.DebugString());
  }
  EXPECT_EQ(payloads.size(), 50U);
}

TEST(SampleEnvelopesTest, BecomeRows) {
  const auto table = test::table_of({{"organization_id", "String"},
                                     {"end_device_id", "String"},
                                     {"occurred_at", "DateTime64(3)"},
                                     {"processed_at", "DateTime64(3)"},
                                     {"data", "JSON"}});
  const auto mapping = map_envelopes(table).value();
  const auto source = samples({.rate = 10, .begin = kNoon});
  RowBatch batch;
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_TRUE(mapping.encode(batch, stored(source, i)));
  EXPECT_EQ(batch.size(), 100U);
  const auto few =
      map_envelopes(test::table_of({{"device", "String"}, {"at", "DateTime64(3)"}, {"name", "String"}}),
                    {.columns = {{"device", "$subject.1"}, {"at", "occurred_at"}, {"name", "end_device_id"}}})
          .value();
  ProcessedEnvelope envelope;
  envelope.ParseFromString(source.make(3).message.payload);
  EXPECT_EQ(test::row_or_refusal(few, stored(source, 3)),
            test::row_of(few, R"({"device":")" + envelope.end_device_id() +
                                  R"(","at":"1970-01-01T12:00:00.300Z","name":")" + envelope.end_device_id() + "\"}"));
}

TEST(SampleEnvelopesTest, ComeAtTheirRate) {
  ManualClock clock;
  const auto broker = open_memory_broker({.clock = &clock});
  ASSERT_TRUE(broker->ensure_stream({.name = "processed_envelopes", .subjects = {"processed_envelopes.>"}}));
  const auto source = samples({.count = 10, .rate = 0, .batch = 4});
  EXPECT_EQ(source.append_all(*broker, {}).value(), 10U);
  EXPECT_EQ(source.append_all(*broker, {}).value(), 10U);  // the ids are there already
  EXPECT_EQ(broker->admin().stream("processed_envelopes").value().messages, 10U);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(source.append_all(*broker, stop.get_token()).value(), 0U);
  EXPECT_EQ(samples({.stream = "nowhere", .count = 1}).append_all(*broker, {}).error().code(), ErrorCode::kNotFound);
}

TEST(SampleEnvelopesTest, AreTriedAgainWhileTheBrokerIsAway) {
  Faults faults;
  const auto broker = make_fault_broker(open_memory_broker(), faults);
  ASSERT_TRUE(broker->ensure_stream({.name = "processed_envelopes", .subjects = {"processed_envelopes.>"}}));
  faults.next(Operation::kAppend, Fault::fail());
  faults.next(Operation::kAppend, Fault::lose_answer());
  EXPECT_EQ(samples({.count = 10, .rate = 0, .batch = 4}).append_all(*broker, {}).value(), 10U);
  EXPECT_EQ(broker->admin().stream("processed_envelopes").value().messages, 10U);
  std::stop_source stop;
  faults.before(Operation::kAppend, [&stop](const Call&) {
    stop.request_stop();
    return Fault::fail();
  });
  EXPECT_EQ(samples({.count = 10, .begin = kNoon}).append_all(*broker, stop.get_token()).value(), 0U);
}

TEST(SampleEnvelopesTest, RefuseTheirOptions) {
  EXPECT_FALSE(SampleEnvelopes::open({.devices = 0}));
  EXPECT_FALSE(SampleEnvelopes::open({.rate = -1}));
  EXPECT_FALSE(SampleEnvelopes::open({.batch = 0}));
  EXPECT_FALSE(SampleEnvelopes::open({.subject = "a b"}));
}

}  // namespace
}  // namespace leat
