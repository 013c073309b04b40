// A pipeline that is cut off at any of its steps, before or after it is done, and another that goes on.
#include "broker/fault_broker.h"
#include "leat/memory_broker.h"
#include "tests/pipeline_clickhouse/forwarding_engine.h"
#include "tests/pipeline_clickhouse/pipeline_suite.h"
#include "tests/support/shared_broker.h"

namespace leat::test {
namespace {

enum class CutAt { kBefore, kAfter };

// Counts the steps that change something; from the given one on nothing is done any more. Thread-safe.
class Scissors {
 public:
  Scissors(std::uint64_t step, CutAt at) : step_(step), at_(at) {}

  Fault next() {
    const std::uint64_t now = ++count_;
    if (now < step_) return Fault::none();
    if (now == step_ && at_ == CutAt::kAfter) return Fault::lose_answer();
    return Fault::fail();
  }
  bool is_cut() const { return count_ >= step_; }
  void never() { step_ = UINT64_MAX; }

 private:
  std::atomic<std::uint64_t> step_;
  const CutAt at_;
  std::atomic<std::uint64_t> count_{0};
};

class CutEngine : public ForwardingEngine {
 public:
  CutEngine(ClickHouse& inner, Scissors& scissors) : ForwardingEngine(inner), scissors_(scissors) {}

  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override {
    const Fault fault = scissors_.next();
    if (fault.kind == Fault::Kind::kFail) return fault.error;
    auto answer = ForwardingEngine::insert(request, std::move(stop));
    return fault.kind == Fault::Kind::kNone ? answer : Result<InsertAnswer>(fault.error);
  }

 private:
  Scissors& scissors_;
};

class CrashPoints : public testing::TestWithParam<CutAt> {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_engine("front"); !why.empty()) GTEST_SKIP() << why;
    engine_ = &engine("front");
  }

  // True when it came to the end before it was cut off.
  bool run_cut_off(std::shared_ptr<Broker> memory, const std::string& table, std::uint64_t step) {
    Scissors scissors(step, GetParam());
    Faults faults;
    for (const Operation operation : {Operation::kAppend, Operation::kKeyWrite}) {
      faults.before(operation, [&](const Call&) { return scissors.next(); });
    }
    const auto broker = make_fault_broker(std::make_unique<SharedBroker>(memory), faults);
    CutEngine cut(*engine_, scissors);
    auto options = options_for_crashes();
    options.stop_grace = Duration::zero();
    RunningPipeline running(*broker, cut, numbers_mapping(*engine_, table), options);
    EXPECT_TRUE(comes_true([&] { return scissors.is_cut() || running->counts().done_up_to == 40; }));
    static_cast<void>(running.stop().has_value());
    return !scissors.is_cut();
  }

  ClickHousePipelineOptions options_for_crashes() const {
    auto options = quick("numbers");
    options.max_rows = 10;
    options.first_pause = 1ms;
    options.longest_pause = 1ms;
    return options;
  }

  ClickHouse* engine_ = nullptr;
};

TEST_P(CrashPoints, NoRowIsLostOrDoubled) {
  for (std::uint64_t step = 1;; ++step) {
    const std::shared_ptr<Broker> broker = open_memory_broker();
    make_events(*broker);
    auto payloads = numbers_from(0, 40);
    payloads[13] = "junk";
    payloads[25] = std::to_string(kRefused);
    payloads[28] = std::to_string(kRefused + 1);
    append_payloads(*broker, payloads);
    const std::string table = make_numbers_table(*engine_);
    const bool whole = run_cut_off(broker, table, step);
    // What was cut off could not say that it is gone.
    broker->open_bucket({.name = "leat_pipelines"}).value()->erase("numbers.owner").value();
    {
      RunningPipeline next(*broker, *engine_, numbers_mapping(*engine_, table), options_for_crashes());
      ASSERT_TRUE(next.comes_to(40)) << "step " << step;
      ASSERT_TRUE(next.stop());
    }
    ASSERT_EQ(numbers_in(*engine_, table), "37 37 714") << "step " << step;
    ASSERT_EQ(dead_letters(*broker).size(), 3U) << "step " << step;
    engine_->execute("DROP TABLE " + table).value();
    if (whole) {
      EXPECT_GT(step, 15U);
      break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CrashPoints, testing::Values(CutAt::kBefore, CutAt::kAfter),
                         [](const auto& of) { return of.param == CutAt::kBefore ? "BeforeIt" : "AfterIt"; });

}  // namespace
}  // namespace leat::test
