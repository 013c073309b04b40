// Batches into every engine.
#include <numeric>

#include "leat/batch_writer.h"
#include "tests/clickhouse/engines.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

struct NumberedRow {
  std::uint64_t a = 0;
  static constexpr auto row() { return leat::row(column("a", &NumberedRow::a)); }
};

// Rows with a = 13, 1013, 2013... are refused by the table.
class WriterTest : public EngineSuite {
 protected:
  void SetUp() override {
    EngineSuite::SetUp();
    if (engine_ == nullptr) return;
    table_ = make_table("a UInt64, m UInt8 MATERIALIZED throwIf(a >= 1000000)", "a");
    encoder_.emplace(RowEncoder::open<NumberedRow>(describe_table(*engine_, table_).value()).value());
  }

  RowBatch batch_of(std::size_t rows, const std::vector<std::size_t>& bad = {}) const {
    RowBatch batch;
    for (std::size_t i = 0; i < rows; ++i) encoder_->encode(batch, NumberedRow{i}).value();
    RowBatch with_bad;
    for (std::size_t i = 0; i < rows; ++i) {
      const bool is_bad = std::find(bad.begin(), bad.end(), i) != bad.end();
      if (is_bad) encoder_->encode(with_bad, NumberedRow{1'000'000 + i}).value();
      if (!is_bad) with_bad.append(batch.rows(i, i + 1));
    }
    return with_bad;
  }
  std::string numbers() const { return text_of("SELECT count(), uniqExact(a), sum(a) FROM " + table_); }
  std::string token(const std::string& name) const { return modern() ? name : ""; }

  std::string table_;
  std::optional<RowEncoder> encoder_;
};

TEST_P(WriterTest, RowsAreStoredInOneInsert) {
  const BatchWriter writer(*engine_, *encoder_);
  const auto report = writer.write(batch_of(1000)).value().value();
  EXPECT_EQ(report.stored, 1000U);
  EXPECT_EQ(report.inserts, 1U);
  EXPECT_EQ(numbers(), "1000\t1000\t499500\n");
  EXPECT_EQ(writer.write(RowBatch()).value().value().inserts, 0U);
}

TEST_P(WriterTest, OneBadRowOf50000IsFoundInFewInserts) {
  const BatchWriter writer(*engine_, *encoder_);
  const auto report = writer.write(batch_of(50'000, {31'415}), {.token = token("b")}).value().value();
  EXPECT_EQ(report.stored, 49'999U);
  ASSERT_EQ(report.bad.size(), 1U);
  EXPECT_EQ(report.bad[0].index, 31'415U);
  EXPECT_EQ(report.bad[0].code, 395);
  EXPECT_NE(report.bad[0].reason.find("throwIf"), std::string::npos) << report.bad[0].reason;
  EXPECT_LT(report.inserts, 40U);
  EXPECT_EQ(text_of("SELECT count(), uniqExact(a) FROM " + table_), "49999\t49999\n");
}

TEST_P(WriterTest, SeveralBadRowsOf50000CostLittleMore) {
  const BatchWriter writer(*engine_, *encoder_);
  const auto report = writer.write(batch_of(50'000, {7, 24'999, 41'000}), {.token = token("s")}).value().value();
  EXPECT_EQ(report.stored, 49'997U);
  EXPECT_EQ(report.bad.size(), 3U);
  EXPECT_LT(report.inserts, 3 * 40U);
  EXPECT_EQ(text_of("SELECT count(), uniqExact(a) FROM " + table_), "49997\t49997\n");
}

TEST_P(WriterTest, ATableThatRefusesRowAfterRowEndsTheWrite) {
  std::vector<std::size_t> all(10'000);
  std::iota(all.begin(), all.end(), 0);
  const BatchWriter writer(*engine_, *encoder_, {.table_fault_after = 50});
  std::vector<BadRow> last;
  const auto note = [&](const WriteProgress& progress, const std::vector<BadRow>& bad) -> Result<void> {
    EXPECT_EQ(progress.settled, bad.size());  // nothing is settled that was not refused by itself
    last = bad;
    return {};
  };
  const auto ended = writer.write(batch_of(10'000, all), {.before_parts = note});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(ended.error().message().find("refuses row after row"), std::string::npos) << ended.error().message();
  EXPECT_NE(ended.error().message().find("throwIf"), std::string::npos) << ended.error().message();
  EXPECT_LE(last.size(), 50U);
}

TEST_P(WriterTest, AsManyBadRowsAsThereAreAreToldApartWhenGoodOnesAreBetween) {
  std::vector<std::size_t> most;
  for (std::size_t i = 0; i < 60; ++i) {
    if (i % 6 != 5) most.push_back(i);
  }
  const BatchWriter writer(*engine_, *encoder_, {.table_fault_after = 5});
  const auto report = writer.write(batch_of(60, most)).value().value();
  EXPECT_EQ(report.stored, 10U);
  EXPECT_EQ(report.bad.size(), 50U);
  const BatchWriter strict(*engine_, *encoder_, {.table_fault_after = 4});
  EXPECT_EQ(strict.write(batch_of(60, most)).error().code(), ErrorCode::kInvalidArgument);
  const BatchWriter patient(*engine_, *encoder_, {.table_fault_after = 0});
  EXPECT_EQ(patient.write(batch_of(8, {0, 1, 2, 3, 4, 5, 6, 7})).value().value().bad.size(), 8U);
}

TEST_P(WriterTest, BadRowsAtTheEdges) {
  const BatchWriter writer(*engine_, *encoder_);
  const auto report = writer.write(batch_of(100, {0, 50, 51, 99})).value().value();
  EXPECT_EQ(report.stored, 96U);
  std::vector<std::size_t> indices;
  for (const BadRow& row : report.bad) indices.push_back(row.index);
  EXPECT_EQ(indices, (std::vector<std::size_t>{0, 50, 51, 99}));
  EXPECT_EQ(writer.write(batch_of(1, {0})).value().value().bad.size(), 1U);
  EXPECT_EQ(count(table_), 96U);
}

TEST_P(WriterTest, PartsAreAnnouncedAndStoredOnceUnderTheirTokens) {
  const BatchWriter writer(*engine_, *encoder_);
  const RowBatch batch = batch_of(1000, {77});
  WriteProgress last;
  int announced = 0;
  const auto announce = [&](const WriteProgress& progress, const std::vector<BadRow>&) -> Result<void> {
    if (announced++ == 0) {
      EXPECT_EQ(count(table_), 0U);
    }
    EXPECT_LE(progress.settled, 77U);
    EXPECT_EQ(progress.refused.size(), static_cast<std::size_t>(announced));
    last = progress;
    return {};
  };
  const auto first = writer.write(batch, {.token = token("p"), .before_parts = announce}).value().value();
  EXPECT_EQ(announced, 10);  // one for each halving that leaves the bad row in a part of several
  EXPECT_EQ(first.stored, 999U);
  if (!modern()) return;
  const auto again = writer.write(batch, {.token = "p", .before_parts = announce, .resume = last});
  EXPECT_EQ(again->value().bad.size(), 1U);
  EXPECT_EQ(announced, 10);
  EXPECT_EQ(count(table_), 999U);
}

TEST_P(WriterTest, NothingMoreIsInsertedWhenPartsCannotBeAnnounced) {
  const BatchWriter writer(*engine_, *encoder_);
  const auto refuse = [](const WriteProgress&, const std::vector<BadRow>&) -> Result<void> {
    return Error(ErrorCode::kConflict, "not mine");
  };
  const auto refused = writer.write(batch_of(10, {5}), {.before_parts = refuse});
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(count(table_), 0U);
}

TEST_P(WriterTest, LargeBatchesGoInSeveralInserts) {
  const BatchWriter by_rows(*engine_, *encoder_, {.max_rows = 300});
  EXPECT_EQ(by_rows.write(batch_of(1000), {.token = token("r")})->value().inserts, 4U);
  const BatchWriter by_bytes(*engine_, *encoder_, {.max_bytes = 801});
  EXPECT_EQ(by_bytes.write(batch_of(1000), {.token = token("s")})->value().inserts, 10U);
  EXPECT_EQ(numbers(), "2000\t1000\t999000\n");
  const BatchWriter tiny(*engine_, *encoder_, {.max_bytes = 1});
  EXPECT_EQ(tiny.write(batch_of(3))->value().inserts, 3U);
  EXPECT_TRUE(by_rows.full(batch_of(300)));
  EXPECT_FALSE(by_rows.full(batch_of(299)));
  if (!modern()) return;
  EXPECT_EQ(by_rows.write(batch_of(1000), {.token = "r"})->value().stored, 1000U);
  EXPECT_EQ(count(table_), 2003U);
}

TEST_P(WriterTest, ATablesFaultIsNotTriedAgain) {
  const BatchWriter writer(*engine_, *encoder_);
  engine_->execute("DROP TABLE " + table_).value();
  EXPECT_EQ(writer.write(batch_of(10)).error().code(), ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Engines, WriterTest, ::testing::ValuesIn(engine_kinds()),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
