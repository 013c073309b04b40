// Messages through mappings into every engine.
#include "leat/batch_writer.h"
#include "leat/row_mapping.h"
#include "pipeline/clickhouse/sample_envelopes.h"
#include "tests/clickhouse/engines.h"
#include "tests/support/mapping_rows.h"

namespace leat::test {
namespace {

class MappingTest : public EngineSuite {
 protected:
  TableDescription describe(const std::string& table) const { return describe_table(*engine_, table).value(); }

  void write(const RowMapping& mapping, const std::vector<StoredMessage>& messages) const {
    RowBatch batch;
    for (const StoredMessage& message : messages) mapping.encode(batch, message).value();
    const auto report = BatchWriter(*engine_, mapping.encoder).write(batch).value().value();
    EXPECT_EQ(report.stored, messages.size());
  }
};

TEST_P(MappingTest, JsonLandsByNameAndPath) {
  const auto table = make_table("id UInt64, room String, celsius Nullable(Float64), tags Array(String)", "id");
  const auto mapping =
      map_json(describe(table),
               {.columns = {{"id", "$sequence"}, {"room", "$subject.2"}, {"celsius", "sensors.0.celsius"}},
                .others = MappingOptions::Others::kByName})
          .value();
  write(mapping, {message_of(R"({"sensors":[{"celsius":21.5}],"tags":["a","b"]})"), message_of(R"({"tags":[]})")});
  EXPECT_EQ(text_of("SELECT * FROM " + table + " ORDER BY length(tags)"),
            "42\tkitchen\t\\N\t[]\n42\tkitchen\t21.5\t['a','b']\n");
}

TEST_P(MappingTest, RawPayloadsLandAsTheyAre) {
  const auto table = make_table("subject String, sequence UInt64, payload String, stored UInt8 DEFAULT 5", "sequence");
  write(map_raw(describe(table)).value(), {message_of(std::string("\xff\0\t", 3))});
  EXPECT_EQ(text_of("SELECT subject, sequence, hex(payload), stored FROM " + table),
            "events.7.kitchen\t42\tFF0009\t5\n");
}

TEST_P(MappingTest, EnvelopesLand) {
  const std::string times = modern() ? "DateTime64(3, 'UTC')" : "DateTime('UTC')";
  const auto table = make_table("organization_id String, end_device_id String, occurred_at " + times +
                                    ", processed_at " + times + ", data String",
                                "(organization_id, occurred_at, end_device_id)");
  const auto samples = SampleEnvelopes::open({.rate = 1, .begin = SystemTime(std::chrono::hours(12))}).value();
  std::vector<StoredMessage> messages;
  for (std::uint64_t i = 0; i < 1000; ++i) static_cast<Message&>(messages.emplace_back()) = samples.make(i).message;
  write(map_envelopes(describe(table)).value(), messages);
  EXPECT_EQ(text_of("SELECT count(), toUnixTimestamp(max(occurred_at)) - toUnixTimestamp(min(occurred_at)), "
                    "countIf(visitParamHas(data, 'temperature')), countIf(end_device_id LIKE 'device-%') FROM " +
                    table),
            "1000\t999\t1000\t1000\n");
}

INSTANTIATE_TEST_SUITE_P(Engines, MappingTest, ::testing::ValuesIn(engine_kinds()),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
