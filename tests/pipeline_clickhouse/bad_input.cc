// What a person has to put right, what is gone, and what a pipeline makes of a stream that is not the one it knew.
#include "broker/fault_broker.h"
#include "leat/memory_broker.h"
#include "pipeline/clickhouse/range_record.h"
#include "tests/pipeline_clickhouse/forwarding_engine.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"

namespace leat::test {

struct Odd {
  std::uint64_t n = 0;
};

}  // namespace leat::test

template <>
struct leat::row_values::Value<leat::test::Odd> {
  static bool fits(const ColumnType& type) { return Value<std::uint64_t>::fits(type); }
  static Problem put(std::string& out, const ColumnType& type, const test::Odd& value) {
    if (value.n == 1) throw value;
    return Value<std::uint64_t>::put(out, type, value.n);
  }
};

namespace leat::test {
namespace {

struct OddRow {
  std::uint64_t seq = 0;
  Odd n;
  static constexpr auto row() { return leat::row(column("seq", &OddRow::seq), column("n", &OddRow::n)); }
};

class ConflictingEngine : public ForwardingEngine {
 public:
  using ForwardingEngine::ForwardingEngine;
  Result<InsertAnswer> insert(const InsertRequest&, std::stop_token) override {
    return Error(ErrorCode::kConflict, "the table is being dropped");
  }
};

class BadInput : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
    engine_ = &engine("front");
    table_ = make_numbers_table(*engine_);
    make_events(*broker_);
  }

  Error refused(const ClickHousePipelineOptions& options) {
    return ending_of(*broker_, *engine_, numbers_mapping(*engine_, table_), options);
  }
  void run_to(std::uint64_t sequence, ClickHousePipelineOptions options) {
    RunningPipeline running(*broker_, *engine_, numbers_mapping(*engine_, table_), std::move(options));
    ASSERT_TRUE(running.comes_to(sequence)) << log_.all();
    ASSERT_TRUE(running.stop()) << log_.all();
  }
  std::string numbers() { return numbers_in(*engine_, table_); }
  std::unique_ptr<KeyValue> records() { return broker_->open_bucket({.name = "leat_pipelines"}).value(); }
  // As it is after a crash: the range was recorded, and perhaps inserted.
  void put_in_hand(const RangeInHand& range) {
    const auto entry = records()->get("numbers.range").value();
    RangeRecord record{.stream = "events", .created = broker_->admin().stream("events").value().created};
    if (entry) record = parse_range_record(entry->value).value();
    record.done = range.first - 1;
    record.in_hand = range;
    records()->put("numbers.range", to_text(record)).value();
  }

  Faults faults_;
  std::shared_ptr<Broker> broker_ = make_fault_broker(open_memory_broker(), faults_);
  ClickHouse* engine_ = nullptr;
  std::string table_;
  KeptLog log_;
};

TEST_F(BadInput, OptionsAreChecked) {
  EXPECT_EQ(refused(quick("no.dots")).message(), "pipeline name \"no.dots\": use 1 to 64 letters, digits, `_` or `-`");
  auto options = quick("numbers");
  options.stream = "nobody";
  EXPECT_EQ(refused(options).code(), ErrorCode::kNotFound);
  EXPECT_EQ(refused(options).message(), "there is no stream \"nobody\" on this broker: make it first");
  options = quick("numbers");
  options.max_rows = 0;
  EXPECT_EQ(refused(options).message(), "max_rows is 1 to 1'000'000");
  options = quick("numbers");
  options.filter = "a..b";
  EXPECT_EQ(refused(options).code(), ErrorCode::kInvalidArgument);
}

TEST_F(BadInput, AMappingThatDoesNotFitItsTable) {
  const RowMapping mapping = numbers_mapping(*engine_, table_);
  engine_->execute("DROP TABLE " + table_).value();
  EXPECT_EQ(ending_of(*broker_, *engine_, mapping, quick("numbers")).code(), ErrorCode::kNotFound);
  engine_->execute("CREATE TABLE " + table_ + " (seq UInt64) ENGINE = MergeTree ORDER BY seq").value();
  const Error lacks = ending_of(*broker_, *engine_, mapping, quick("numbers"));
  EXPECT_EQ(lacks.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(lacks.message().find("has no column n"), std::string::npos) << lacks.message();
  engine_->execute("ALTER TABLE " + table_ + " ADD COLUMN n UInt8").value();
  const Error other = ending_of(*broker_, *engine_, mapping, quick("numbers"));
  EXPECT_NE(other.message().find("column n of table " + table_ + " is UInt8"), std::string::npos) << other.message();
}

TEST_F(BadInput, ATableThatGoesAwayIsAPersons) {
  RunningPipeline running(*broker_, *engine_, numbers_mapping(*engine_, table_), quick("numbers"));
  append_payloads(*broker_, {"1"});
  ASSERT_TRUE(running.comes_to(1));
  engine_->execute("DROP TABLE " + table_).value();
  append_payloads(*broker_, {"2"});
  const auto ended = running.wait();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), ErrorCode::kNotFound) << ended.error().message();
  engine_
      ->execute("CREATE TABLE " + table_ + " (" + kNumbersColumns +
                ") ENGINE = MergeTree ORDER BY seq SETTINGS non_replicated_deduplication_window = 1000")
      .value();
  run_to(2, quick("numbers"));
  EXPECT_EQ(numbers(), "1 1 2");
}

// Nothing more goes to the dead letters, and what was not told apart waits for a person in the stream.
TEST_F(BadInput, ATableThatRefusesRowAfterRowIsAPersons) {
  append_payloads(*broker_, numbers_from(0, 10));
  append_payloads(*broker_, numbers_from(kRefused, 500));
  auto options = quick("numbers");
  options.table_fault_after = 20;
  const Error why = refused(options);
  EXPECT_EQ(why.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(why.message().find("refuses row after row"), std::string::npos) << why.message();
  const std::size_t letters = dead_letters(*broker_).size();
  EXPECT_LE(letters, 20U);
  engine_->execute("ALTER TABLE " + table_ + " MODIFY COLUMN m UInt8 MATERIALIZED 0").value();
  run_to(510, options);
  const std::string rows = std::to_string(510 - letters);
  EXPECT_EQ(numbers().substr(0, 2 * rows.size() + 1), rows + " " + rows);
  EXPECT_EQ(dead_letters(*broker_).size(), letters);
}

TEST_F(BadInput, AViewThatThrowsIsAPersons) {
  const std::string view = fresh_name();
  engine_->execute("CREATE TABLE " + view + "_rows (b UInt64) ENGINE = MergeTree ORDER BY b").value();
  engine_
      ->execute("CREATE MATERIALIZED VIEW " + view + " TO " + view + "_rows AS SELECT n + throwIf(n = 13) AS b FROM " +
                table_)
      .value();
  append_payloads(*broker_, numbers_from(0, 100));
  const Error why = refused(quick("numbers"));
  EXPECT_EQ(why.code(), ErrorCode::kInvalidArgument) << why.message();
  EXPECT_NE(why.message().find("repair the view"), std::string::npos) << why.message();
  engine_->execute("ALTER TABLE " + view + " MODIFY QUERY SELECT n AS b FROM " + table_).value();
  run_to(100, quick("numbers"));
  EXPECT_EQ(numbers(), "100 100 4950");
  EXPECT_EQ(engine_->query("SELECT count(), uniqExact(b) FROM " + view + "_rows").value(), "100\t100\n");
  EXPECT_TRUE(dead_letters(*broker_).empty());
  engine_->execute("DROP TABLE " + view).value();
}

// What a run has refused in a row counts in the next one: its letters are all that there will be.
TEST_F(BadInput, ATableThatRefusesRowAfterRowDoesSoInTheNextRunToo) {
  append_payloads(*broker_, numbers_from(kRefused, 500));
  auto options = quick("numbers");
  options.table_fault_after = 20;
  refused(options);
  const std::size_t letters = dead_letters(*broker_).size();
  for (int run = 0; run < 3; ++run) {
    EXPECT_NE(refused(options).message().find("refuses row after row"), std::string::npos);
    EXPECT_EQ(dead_letters(*broker_).size(), letters);
  }
}

TEST_F(BadInput, ALetterIsSentOnce) {
  std::vector<std::string> payloads = numbers_from(0, 500);
  for (std::size_t i = 5; i < payloads.size(); i += 10) payloads[i] = std::to_string(kRefused + i);
  append_payloads(*broker_, payloads);
  std::atomic<std::size_t> sent{0};
  faults_.before(Operation::kAppend, [&](const Call& call) {
    sent += call.items;
    return Fault::none();
  });
  run_to(500, quick("numbers"));
  faults_.clear();
  EXPECT_EQ(dead_letters(*broker_).size(), 50U);
  EXPECT_EQ(sent, 50U);
}

TEST_F(BadInput, AWindowThatHoldsNoWholeInsertIsTooSmall) {
  engine_->execute("ALTER TABLE " + table_ + " MODIFY SETTING non_replicated_deduplication_window = 99").value();
  auto options = quick("numbers");
  options.guarantee = ClickHousePipelineOptions::Guarantee::kExactlyOnce;
  const Error why = refused(options);
  EXPECT_EQ(why.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(why.message().find("MODIFY SETTING non_replicated_deduplication_window = 1000 (it is 99, and"),
            std::string::npos)
      << why.message();
  RunningPipeline running(*broker_, *engine_, numbers_mapping(*engine_, table_), quick("numbers", &log_));
  append_payloads(*broker_, {"1"});
  ASSERT_TRUE(running.comes_to(1));
  EXPECT_FALSE(running->exactly_once());
  EXPECT_TRUE(log_.has("(it is 99, and")) << log_.all();
}

TEST_F(BadInput, AConflictOfTheTableIsAPersons) {
  ConflictingEngine conflicting(*engine_);
  append_payloads(*broker_, {"1"});
  auto options = quick("numbers");
  options.new_stream = ClickHousePipelineOptions::NewStream::kFromItsBeginning;
  RunningPipeline running(*broker_, conflicting, numbers_mapping(*engine_, table_), options);
  ASSERT_TRUE(comes_true([&] { return running.ended(); }, 20s));
  EXPECT_EQ(running.wait().error().code(), ErrorCode::kConflict);
}

TEST_F(BadInput, AnotherStreamUnderTheSameName) {
  append_payloads(*broker_, numbers_from(0, 10));
  run_to(10, quick("numbers"));
  broker_->ensure_stream({.name = "others", .subjects = {"others.>"}}).value();
  auto options = quick("numbers");
  options.stream = "others";
  EXPECT_NE(refused(options).message().find("reads stream \"events\", not \"others\""), std::string::npos);
}

TEST_F(BadInput, AStreamThatWasMadeAgain) {
  append_payloads(*broker_, numbers_from(0, 10));
  run_to(10, quick("numbers"));
  broker_->admin().delete_stream("events").value();
  make_events(*broker_);
  append_payloads(*broker_, numbers_from(100, 5));
  const Error why = refused(quick("numbers"));
  EXPECT_EQ(why.code(), ErrorCode::kConflict);
  EXPECT_NE(why.message().find("new_stream = kFromItsBeginning"), std::string::npos) << why.message();
  auto options = quick("numbers");
  options.new_stream = ClickHousePipelineOptions::NewStream::kFromItsBeginning;
  RunningPipeline running(*broker_, *engine_, numbers_mapping(*engine_, table_), options);
  ASSERT_TRUE(comes_true([&] { return numbers() == "15 15 555"; })) << numbers();
}

TEST_F(BadInput, AStreamThatIsMadeAgainUnderAPipeline) {
  KeptLog log;
  RunningPipeline running(*broker_, *engine_, numbers_mapping(*engine_, table_), quick("numbers", &log));
  append_payloads(*broker_, numbers_from(0, 10));
  ASSERT_TRUE(running.comes_to(10));
  broker_->admin().delete_stream("events").value();
  make_events(*broker_);
  append_payloads(*broker_, numbers_from(100, 15));
  const auto ended = running.wait();
  ASSERT_FALSE(ended);
  EXPECT_TRUE(ended.error().code() == ErrorCode::kConflict || ended.error().code() == ErrorCode::kNotFound)
      << ended.error().message();
  EXPECT_EQ(numbers(), "10 10 45");
}

TEST_F(BadInput, MessagesThatWereGoneBeforeTheyWereRead) {
  append_payloads(*broker_, numbers_from(0, 10));
  run_to(10, quick("numbers"));
  append_payloads(*broker_, numbers_from(10, 20));
  broker_->admin().purge("events", "events.>").value();
  append_payloads(*broker_, numbers_from(30, 5));
  RunningPipeline running(*broker_, *engine_, numbers_mapping(*engine_, table_), quick("numbers", &log_));
  ASSERT_TRUE(running.comes_to(35)) << log_.all();
  EXPECT_TRUE(running.stop());
  EXPECT_TRUE(log_.has("error messages were gone before they could be read stream=events from_sequence=11 lost=20"))
      << log_.all();
  EXPECT_EQ(running->counts().lost, 20U);
  EXPECT_EQ(numbers(), "15 15 205");
}

TEST_F(BadInput, ARangeWhoseMessagesArePartlyGone) {
  append_payloads(*broker_, numbers_from(0, 20));
  put_in_hand({.first = 1, .last = 10, .messages = 10, .filter = ">", .mapping = "another"});
  broker_->admin().remove("events", 3).value();
  broker_->admin().remove("events", 10).value();
  run_to(20, quick("numbers", &log_));
  EXPECT_EQ(numbers(), "18 18 179");
  EXPECT_TRUE(log_.has("may or may not be in the table pipeline=numbers first=1 last=10 gone=2")) << log_.all();
  EXPECT_TRUE(log_.has("the mapping or its table has changed")) << log_.all();
}

// Inserted in parts up to the place 5, and cut off; the range's tokens are of places.
TEST_F(BadInput, ARangeInPartsKeepsItsPlaces) {
  append_payloads(*broker_, numbers_from(0, 10));
  put_in_hand({.first = 1,
               .last = 10,
               .messages = 10,
               .filter = ">",
               .mapping = "",
               .progress = {.settled = 5, .refused = {{0, 10}, {5, 10}}}});
  broker_->admin().remove("events", 1).value();
  broker_->admin().remove("events", 9).value();
  run_to(10, quick("numbers"));
  EXPECT_EQ(numbers(), "4 4 27");  // 5, 6, 7, 9
}

TEST_F(BadInput, ARangeInPartsWhosePlacesAreUnknownIsLeftToAPerson) {
  append_payloads(*broker_, numbers_from(0, 5));
  append_payloads(*broker_, {"77"}, "events.b");
  append_payloads(*broker_, numbers_from(5, 5));
  put_in_hand({.first = 1,
               .last = 11,
               .messages = 10,
               .filter = "events.a",
               .mapping = "",
               .progress = {.settled = 5, .refused = {{0, 10}, {5, 10}}}});
  broker_->admin().remove("events", 1).value();
  auto options = quick("numbers", &log_);
  options.filter = "events.a";
  append_payloads(*broker_, {"500"});
  run_to(12, options);
  EXPECT_EQ(numbers(), "1 1 500");
  EXPECT_EQ(dead_letters(*broker_).size(), 9U);
  EXPECT_TRUE(log_.has("cannot be repeated")) << log_.all();
}

TEST_F(BadInput, ARecordThatIsDamaged) {
  records()->put("numbers.range", "{\"version\":1}").value();
  const Error why = refused(quick("numbers"));
  EXPECT_EQ(why.code(), ErrorCode::kCorrupt);
  EXPECT_NE(why.message().find("restore the key \"numbers.range\""), std::string::npos) << why.message();
}

// What a row has by then is cut off again, and whatever is thrown.
TEST_F(BadInput, AMappingThatThrowsWithinARow) {
  append_payloads(*broker_, numbers_from(0, 3));
  RowMapping mapping = numbers_mapping(*engine_, table_);
  const RowEncoder encoder = RowEncoder::open<OddRow>(describe_table(*engine_, table_).value()).value();
  mapping.encode = [encoder](RowBatch& batch, const StoredMessage& message) {
    return encoder.encode(batch, OddRow{message.sequence, {message.sequence - 1}});
  };
  RunningPipeline running(*broker_, *engine_, mapping, quick("numbers"));
  ASSERT_TRUE(running.comes_to(3));
  EXPECT_EQ(numbers(), "2 2 2");
  EXPECT_EQ(running->counts().inserts, 1U);
  EXPECT_EQ(dead_letters(*broker_).at(0).headers.get("Leat-Dead-Reason"),
            "the mapping throws: an exception that is no std::exception");
}

TEST_F(BadInput, AMappingThatThrowsOrAppendsTwice) {
  append_payloads(*broker_, numbers_from(0, 3));
  RowMapping mapping = numbers_mapping(*engine_, table_);
  const auto once = mapping.encode;
  mapping.encode = [once](RowBatch& batch, const StoredMessage& message) -> Result<void> {
    if (message.sequence == 2) throw std::runtime_error("not two");
    return once(batch, message);
  };
  {
    RunningPipeline running(*broker_, *engine_, mapping, quick("numbers"));
    ASSERT_TRUE(running.comes_to(3));
  }
  EXPECT_EQ(numbers(), "2 2 2");
  EXPECT_EQ(dead_letters(*broker_).at(0).headers.get("Leat-Dead-Reason"), "the mapping throws: not two");
  mapping.encode = [once](RowBatch& batch, const StoredMessage& message) -> Result<void> {
    once(batch, message).value();
    return once(batch, message);
  };
  append_payloads(*broker_, numbers_from(0, 3));
  EXPECT_EQ(ending_of(*broker_, *engine_, mapping, quick("numbers")).message(),
            "the mapping appends 2 rows for one message; expected one: keep its parts in one row (Array, Nested), or "
            "publish a message for each");
}

}  // namespace
}  // namespace leat::test
