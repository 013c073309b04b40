// Lines of the log about a job name it, also in the bulk lane, where a subject is that of many.
#include <gtest/gtest.h>

#include "broker/fault_broker.h"
#include "core/mutex.h"
#include "leat/leat.h"
#include "leat/manual_clock.h"
#include "leat/memory_broker.h"
#include "tests/support/comes_true.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;

// The job ids of the lines that begin with some words.
class JobIds : public Log {
 public:
  explicit JobIds(std::string words) : Log(LogLevel::kWarn), words_(std::move(words)) {}
  std::vector<std::string> ids() const {
    MutexLock lock(mutex_);
    return ids_;
  }

 protected:
  void write(LogLevel, std::string_view message, std::initializer_list<LogField> fields) override {
    if (!message.starts_with(words_)) return;
    MutexLock lock(mutex_);
    for (const LogField& field : fields) {
      if (field.name == "job_id") ids_.push_back(field.value);
    }
  }

 private:
  const std::string words_;
  mutable Mutex mutex_;
  std::vector<std::string> ids_ LEAT_GUARDED_BY(mutex_);
};

TEST(JobLinesTest, ALostLease) {
  ManualClock clock;
  Faults faults;
  const auto broker = make_fault_broker(open_memory_broker({.clock = &clock}), faults);
  const JobId id = Queue(*broker).push(EncodedJob{"job", "x", {}}, {.lane = Lane::kBulk}).value();
  JobIds log("lease lost");
  Worker worker(*broker, {.concurrency = 1, .ack_wait = 1h, .grace = 0ms, .scheduler = false, .log = &log});
  std::atomic<bool> begun{false};
  worker.handle("job", [&](JobContext& job) {
    begun = true;
    comes_true([&] { return job.stop_token().stop_requested(); });
    return Outcome::retry("stopped");
  });
  faults.before(Operation::kExtend, [](const Call&) { return Fault::fail(ErrorCode::kLeaseLost); });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(comes_true([&] { return begun.load(); }));
  clock.advance(20min);
  ASSERT_TRUE(comes_true([&] { return log.ids().size() == 1; }));
  EXPECT_EQ(log.ids().front(), id.str());
}

TEST(JobLinesTest, AnAsynchronousHandlerThatThrows) {
  const auto broker = open_memory_broker({});
  const JobId id = Queue(*broker).push(EncodedJob{"job", "x", {}}, {.lane = Lane::kBulk}).value();
  JobIds log("an asynchronous handler threw");
  Worker worker(*broker, {.concurrency = 1, .max_attempts = 1, .scheduler = false, .log = &log});
  worker.handle_async("job", [](Completion completion) {
    completion.finish(Outcome::done());
    throw std::runtime_error("after it");
  });
  ASSERT_TRUE(worker.start());
  ASSERT_TRUE(comes_true([&] { return log.ids().size() == 1; }));
  EXPECT_EQ(log.ids().front(), id.str());
}

}  // namespace
}  // namespace leat::test
