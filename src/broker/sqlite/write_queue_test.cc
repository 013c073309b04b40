#include "broker/sqlite/write_queue.h"

#include <gtest/gtest.h>

#include <atomic>

#include "broker/sqlite/schema.h"
#include "core/thread.h"
#include "tests/support/temporary_directory.h"

namespace leat::sqlite {
namespace {

bool wait_always(int /*round*/) {
  return true;
}

class WriteQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    wake_.open(path_ + "-wake").value();
    auto database = std::make_unique<Database>(path_, Database::Mode::kCreate, wait_always);
    database->execute("PRAGMA journal_mode = WAL");
    migrate(*database, path_);
    database->execute("CREATE TABLE marks(mark INTEGER PRIMARY KEY)");
    queue_ = std::make_unique<WriteQueue>(std::move(database), wake_, SqliteOptions::Sync::kNormal);
    reader_ = std::make_unique<Database>(path_, Database::Mode::kExisting, wait_always);
  }

  static Write mark(int number) {
    return [number](Transaction& transaction) {
      transaction.database.statement("INSERT INTO marks VALUES(?)").run(number);
    };
  }

  std::int64_t committed() { return reader_->read_integer("SELECT count(*) FROM marks"); }

  // Runs the writes while the first one holds the lead until all others wait.
  std::vector<Result<void>> run_together(const std::vector<Write>& writes) {
    std::vector<Result<void>> results(writes.size());
    std::atomic<bool> leads = false;
    const Write leader = [&](Transaction&) {
      leads = true;
      leads.notify_all();
      while (queue_->waiting() < writes.size()) std::this_thread::yield();
    };
    const Thread holder =
        start_thread("leader", [&](std::stop_token) { queue_->run(Durability::kProcess, leader).value(); });
    leads.wait(false);
    std::vector<Thread> threads;
    for (std::size_t i = 0; i < writes.size(); ++i) {
      threads.push_back(start_thread(
          "writer", [&, i](std::stop_token) { results[i] = queue_->run(Durability::kCommitted, writes[i]); }));
    }
    threads.clear();
    return results;
  }

  test::TemporaryDirectory directory_;
  const std::string path_ = (directory_.path() / "test.db").string();
  Wake wake_;
  std::unique_ptr<WriteQueue> queue_;
  std::unique_ptr<Database> reader_;
};

TEST_F(WriteQueueTest, CommitsWhatWaitsTogether) {
  constexpr int kWriters = 8;
  std::atomic<int> saw_others_uncommitted = 0;
  std::vector<Write> writes;
  for (int i = 0; i < kWriters; ++i) {
    writes.push_back([&, i](Transaction& transaction) {
      mark(i)(transaction);
      const std::int64_t inside = transaction.database.read_integer("SELECT count(*) FROM marks");
      if (inside > committed() + 1) ++saw_others_uncommitted;
    });
  }
  for (const auto& result : run_together(writes)) EXPECT_TRUE(result);
  EXPECT_EQ(committed(), kWriters);
  EXPECT_EQ(saw_others_uncommitted, kWriters - 1) << "all but the first of a group see the others' rows";
}

TEST_F(WriteQueueTest, OneThatFailsLeavesTheOthersAlone) {
  queue_->run(Durability::kCommitted, mark(3)).value();
  const auto results = run_together({mark(1), mark(2), mark(3), mark(4)});
  EXPECT_TRUE(results[0]);
  EXPECT_TRUE(results[1]);
  EXPECT_FALSE(results[2]);
  EXPECT_TRUE(results[3]);
  EXPECT_EQ(committed(), 4);
}

TEST_F(WriteQueueTest, ARefusedRequestIsReportedAndChangesNothing) {
  const Write refused = [](Transaction& transaction) { transaction.catalog.stream("none"); };
  const auto results = run_together({mark(1), refused});
  EXPECT_TRUE(results[0]);
  EXPECT_EQ(results[1].error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(committed(), 1);
}

TEST_F(WriteQueueTest, ManyThreadsLoseNothing) {
  constexpr int kThreads = 8;
  constexpr int kEach = 100;
  {
    const ThreadPool pool("writer", kThreads, [&](std::size_t thread, std::stop_token) {
      for (int i = 0; i < kEach; ++i) {
        queue_->run(Durability::kCommitted, mark(static_cast<int>(thread) * kEach + i)).value();
      }
    });
  }
  EXPECT_EQ(committed(), kThreads * kEach);
}

}  // namespace
}  // namespace leat::sqlite
