// Every broker into every engine.
#include "leat/batch_writer.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"

namespace leat::test {
namespace {

struct Pair {
  std::string broker;
  std::string engine;
};

std::vector<Pair> pairs() {
  std::vector<Pair> all;
  for (const std::string& broker : pipeline_broker_kinds()) {
    for (const std::string& kind : engine_kinds()) all.push_back({broker, kind});
  }
  return all;
}

class PipelineTest : public testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_engine(GetParam().engine); !why.empty()) GTEST_SKIP() << why;
    opened_ = open_test_broker(GetParam().broker);
    engine_ = &engine(GetParam().engine);
    make_events(broker());
    table_ = make_numbers_table(*engine_);
  }
  Broker& broker() { return *opened_->broker; }
  RowMapping mapping() { return numbers_mapping(*engine_, table_); }
  std::string numbers() { return numbers_in(*engine_, table_); }

  std::unique_ptr<TestBroker> opened_;
  ClickHouse* engine_ = nullptr;
  std::string table_;
  KeptLog log_;
};

TEST_P(PipelineTest, EveryMessageBecomesARow) {
  append_payloads(broker(), numbers_from(0, 1000));
  auto options = quick("numbers", &log_);
  options.max_rows = 300;
  RunningPipeline running(broker(), *engine_, mapping(), options);
  ASSERT_TRUE(running.comes_to(1000)) << log_.all();
  append_payloads(broker(), numbers_from(1000, 500));
  ASSERT_TRUE(running.comes_to(1500)) << log_.all();
  EXPECT_EQ(numbers(), "1500 1500 1124250");
  const PipelineCounts counts = running->counts();
  EXPECT_EQ(counts.rows, 1500U);
  EXPECT_EQ(counts.lost, 0U);
  EXPECT_GE(counts.batches, 6U);
  EXPECT_TRUE(running->is_owner());
  EXPECT_EQ(running->exactly_once(), engine_->facts().tokens);
  EXPECT_EQ(log_.has("rows can be stored twice"), !engine_->facts().tokens) << log_.all();
  EXPECT_TRUE(running.stop());
  EXPECT_FALSE(running->is_owner());
}

TEST_P(PipelineTest, AnotherRunGoesOnWhereTheFirstStopped) {
  append_payloads(broker(), numbers_from(0, 100));
  {
    RunningPipeline first(broker(), *engine_, mapping(), quick("numbers"));
    ASSERT_TRUE(first.comes_to(100));
    EXPECT_TRUE(first.stop());
  }
  append_payloads(broker(), numbers_from(100, 100));
  const SteadyTime begin = real_clock().steady();
  RunningPipeline second(broker(), *engine_, mapping(), quick("numbers"));
  ASSERT_TRUE(second.comes_to(200));
  EXPECT_LT(real_clock().steady() - begin, 5s);  // a clean stop leaves nothing to wait for
  EXPECT_EQ(second->counts().rows, 100U);
  EXPECT_EQ(numbers(), "200 200 19900");
}

TEST_P(PipelineTest, AFilterAndBadMessages) {
  append_payloads(broker(), {"1", "junk", "2"});
  append_payloads(broker(), {"3"}, "events.b");
  append_payloads(broker(), {"4", std::to_string(kRefused), "5"});
  auto options = quick("numbers");
  options.filter = "events.a";
  RunningPipeline running(broker(), *engine_, mapping(), options);
  ASSERT_TRUE(running.comes_to(7));
  EXPECT_EQ(numbers(), "4 4 12");
  const auto letters = dead_letters(broker());
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].payload, "junk");
  EXPECT_EQ(letters[0].headers.get("Leat-Dead-Sequence"), "2");
  EXPECT_EQ(letters[0].headers.get("Leat-Dead-Reason"), "\"junk\" is no number");
  EXPECT_EQ(letters[1].payload, std::to_string(kRefused));
  EXPECT_EQ(letters[1].headers.get("Leat-Dead-Code"), "395");
  EXPECT_EQ(letters[1].headers.get("Leat-Dead-Subject"), "events.a");
  EXPECT_EQ(running->counts().dead_letters, 2U);
}

TEST_P(PipelineTest, OneBadRowOf50000) {
  auto payloads = numbers_from(0, 50'000);
  payloads[31'415] = std::to_string(kRefused + 1);
  append_payloads(broker(), payloads);
  auto options = quick("numbers");
  options.max_wait = 30s;
  RunningPipeline running(broker(), *engine_, mapping(), options);
  ASSERT_TRUE(running.comes_to(50'000));
  EXPECT_EQ(numbers(), "49999 49999 1249943585");
  EXPECT_LT(running->counts().inserts, 40U);
  const auto letters = dead_letters(broker());
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].headers.get("Leat-Dead-Sequence"), "31416");
  EXPECT_NE(letters[0].headers.get("Leat-Dead-Reason")->find("throwIf"), std::string_view::npos);
}

TEST_P(PipelineTest, APlainTableIsServedAtLeastOnceAndSaysWhatToDo) {
  const std::string plain = fresh_name();
  engine_->execute("CREATE TABLE " + plain + " (" + kNumbersColumns + ") ENGINE = MergeTree ORDER BY seq").value();
  append_payloads(broker(), numbers_from(0, 10));
  auto options = quick("numbers", &log_);
  {
    RunningPipeline running(broker(), *engine_, numbers_mapping(*engine_, plain), options);
    ASSERT_TRUE(running.comes_to(10));
    EXPECT_FALSE(running->exactly_once());
  }
  const std::string remedy = engine_->facts().tokens
                                 ? "ALTER TABLE " + plain + " MODIFY SETTING non_replicated_deduplication_window = 1000"
                                 : "knows no tokens of inserts; 22.2 and later do";
  EXPECT_TRUE(log_.has(remedy)) << log_.all();
  EXPECT_EQ(numbers_in(*engine_, plain), "10 10 45");
  options.guarantee = ClickHousePipelineOptions::Guarantee::kExactlyOnce;
  const Error refused = ending_of(broker(), *engine_, numbers_mapping(*engine_, plain), options);
  EXPECT_EQ(refused.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.message().find(remedy), std::string::npos) << refused.message();
}

// Places of which nothing is left are no inserts, and a write in parts goes on where it says it was.
TEST_P(PipelineTest, AWriteInPartsGoesOnWhereItWasCutOff) {
  if (!engine_->facts().tokens) GTEST_SKIP() << "no tokens";
  const RowMapping mapping = numbers_mapping(*engine_, table_);
  RowBatch batch;
  for (std::uint64_t i = 0; i < 100; ++i) {
    StoredMessage message;
    message.sequence = i + 1;
    message.payload = std::to_string(i == 77 ? kRefused : i);
    if (i % 10 == 3)
      batch.append({});
    else
      mapping.encode(batch, message).value();
  }
  const BatchWriter writer(*engine_, mapping.encoder);
  for (std::size_t cut = 1;; ++cut) {
    WriteProgress noted;
    std::size_t parts = 0;
    const std::string token = "cut-" + std::to_string(cut);
    const auto note = [&](const WriteProgress& progress, const std::vector<BadRow>&) -> Result<void> {
      noted = progress;
      return ++parts == cut ? Result<void>(Error(ErrorCode::kLeaseLost, "cut off")) : Result<void>();
    };
    engine_->execute("TRUNCATE TABLE " + table_).value();
    const bool whole = writer.write(batch, {.token = token, .before_parts = note}).has_value();
    const auto again = writer.write(batch, {.token = token, .resume = noted}).value().value();
    EXPECT_EQ(numbers(), "89 89 4393") << cut;
    ASSERT_EQ(again.bad.size(), 1U);
    EXPECT_EQ(again.bad[0].index, 77U);
    if (whole) break;
  }
}

INSTANTIATE_TEST_SUITE_P(All, PipelineTest, testing::ValuesIn(pairs()),
                         [](const auto& of) { return of.param.broker + "_" + of.param.engine; });

}  // namespace
}  // namespace leat::test
