// Migrations on every engine.
#include "leat/migrations.h"

#include "clickhouse/migration_lock.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "leat/testing.h"
#include "tests/clickhouse/engines.h"

namespace leat::test {
namespace {

using namespace std::chrono_literals;
using State = MigrationStatus::State;
using Versions = std::vector<std::uint64_t>;

class MigrationTest : public EngineSuite {
 protected:
  void SetUp() override {
    EngineSuite::SetUp();
    if (engine_ == nullptr) return;
    engine_->execute("DROP TABLE IF EXISTS leat_migrations").value();
    table_ = fresh_name();
  }

  MigrationFile file(std::uint64_t version, const std::string& up, const std::string& down = "SELECT 1") const {
    return parse_migration(std::to_string(version) + "_step.sql",
                           "-- +goose Up\n" + up + ";\n-- +goose Down\n" + down + ";\n")
        .value();
  }
  MigrationFile create() const {
    return file(1, "CREATE TABLE " + table_ + " (a UInt64) ENGINE = MergeTree ORDER BY a", "DROP TABLE " + table_);
  }
  MigrationFile insert(std::uint64_t version) const {
    return file(version, "INSERT INTO " + table_ + " VALUES (" + std::to_string(version) + ")");
  }
  std::vector<State> states(std::vector<MigrationFile> files) const {
    std::vector<State> list;
    for (const auto& one : Migrations(*engine_, std::move(files)).status().value()) list.push_back(one.state);
    return list;
  }
  std::string refused(std::vector<MigrationFile> files) const {
    const auto result = Migrations(*engine_, std::move(files)).up();
    if (result) return "";
    EXPECT_EQ(result.error().code(), ErrorCode::kConflict);
    return result.error().message();
  }

  std::string table_;
};

TEST_P(MigrationTest, UpDownAndStatus) {
  const std::vector<MigrationFile> files{create(), insert(2), insert(3)};
  Migrations migrations(*engine_, files);
  EXPECT_EQ(states(files), (std::vector<State>(3, State::kPending)));
  EXPECT_EQ(migrations.up(2).value(), (Versions{1, 2}));
  EXPECT_EQ(states(files), (std::vector<State>{State::kApplied, State::kApplied, State::kPending}));
  EXPECT_EQ(migrations.up().value(), Versions{3});
  EXPECT_EQ(migrations.up().value(), Versions{});
  EXPECT_EQ(count(table_), 2U);
  EXPECT_TRUE(migrations.status()->front().at);
  EXPECT_EQ(migrations.down().value(), Versions{3});
  EXPECT_EQ(migrations.down(0).value(), (Versions{2, 1}));
  EXPECT_EQ(engine_->query("SELECT * FROM " + table_).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(migrations.down().value(), Versions{});
  EXPECT_EQ(migrations.up().value(), (Versions{1, 2, 3}));
  EXPECT_EQ(migrations.up(9).error().code(), ErrorCode::kNotFound);
}

TEST_P(MigrationTest, ChangedMissingAndLateFilesAreRefused) {
  ASSERT_TRUE(Migrations(*engine_, {create(), insert(3)}).up());
  EXPECT_EQ(states({create(), insert(2), insert(3)}),
            (std::vector<State>{State::kApplied, State::kLate, State::kApplied}));
  EXPECT_NE(refused({create(), insert(2), insert(3)}).find("2_step.sql is not applied, and a newer one is"),
            std::string::npos);
  EXPECT_NE(refused({create()}).find("3_step.sql is applied, and its file is gone"), std::string::npos);
  EXPECT_NE(refused({create(), file(3, "SELECT 2")}).find("3_step.sql was changed"), std::string::npos);
  EXPECT_EQ(Migrations(*engine_, {create()}).down().error().code(), ErrorCode::kNotFound);
  for (const std::optional<std::uint64_t> to : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(0)}) {
    const std::vector<MigrationFile> changed{create(), file(3, "INSERT INTO " + table_ + " VALUES (3)", "SELECT 2")};
    const auto reverted = Migrations(*engine_, changed).down(to);
    ASSERT_FALSE(reverted);
    EXPECT_EQ(reverted.error().code(), ErrorCode::kConflict);
    EXPECT_EQ(reverted.error().message(), refused(changed));
  }
  EXPECT_EQ(Migrations(*engine_, {create(), insert(3)}).down(0).value(), (Versions{3, 1}));
}

TEST_P(MigrationTest, AHalfAppliedFileStopsAllUntilItIsSettled) {
  const std::vector<MigrationFile> files{
      create(), file(2, "INSERT INTO " + table_ + " VALUES (2); SELECT no_such_column"), insert(3)};
  Migrations migrations(*engine_, files);
  const auto failed = migrations.up();
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().message().starts_with("2_step.sql, statement 2 of 2: Code: ")) << failed.error().message();
  EXPECT_EQ(states(files), (std::vector<State>{State::kApplied, State::kHalf, State::kPending}));
  EXPECT_NE(refused(files).find("2_step.sql was begun and not finished"), std::string::npos);
  EXPECT_EQ(migrations.down().error().code(), ErrorCode::kConflict);
  EXPECT_EQ(migrations.settle(3, Migrations::Settled::kApplied).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(migrations.settle(2, Migrations::Settled::kApplied));
  EXPECT_EQ(migrations.up().value(), Versions{3});
}

TEST_P(MigrationTest, AFileWhoseFirstStatementIsRefusedIsPendingStill) {
  const std::vector<MigrationFile> files{file(1, "SELECT no_such_column; SELECT 1")};
  EXPECT_FALSE(Migrations(*engine_, files).up());
  EXPECT_EQ(states(files), std::vector<State>{State::kPending});
}

// Each runner applies what the other has not, and nothing is applied twice.
TEST_P(MigrationTest, TwoRunnersAtOnceApplyEachFileOnce) {
  std::vector<MigrationFile> files{create()};
  for (std::uint64_t version = 2; version <= 12; ++version) files.push_back(insert(version));
  std::atomic<std::size_t> applied{0};
  ThreadPool runners("runner", 3, [&](std::size_t, const std::stop_token&) {
    for (std::uint64_t to = 4; to <= 12; to += 4) {
      const auto mine = Migrations(*engine_, files).up(to);
      EXPECT_TRUE(mine) << mine.error().message();
      if (mine) applied += mine->size();
    }
  });
  runners.stop();
  EXPECT_EQ(applied, 12U);
  EXPECT_EQ(text_of("SELECT count(), uniqExact(a) FROM " + table_), "11\t11\n");
}

TEST_P(MigrationTest, ALockIsWaitedForAndADeadOwnersIsTaken) {
  ManualClock clock;
  const auto acquire = [&](Duration wait, Duration ttl) {
    return MigrationLock::acquire(*engine_, {wait, ttl, real_clock(), no_log()}, {});
  };
  // An owner that gives no signs of life: its clock stands still.
  auto dead = MigrationLock::acquire(*engine_, {1s, 30s, clock, no_log()}, {}).value();
  EXPECT_TRUE(dead->check());
  const auto refused = acquire(300ms, 1h);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  EXPECT_NE(refused.error().message().find("pid " + std::to_string(getpid())), std::string::npos)
      << refused.error().message();
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(Migrations(*engine_, {create()}).up({}, stopped.get_token()).value(), Versions{});
  auto taken = acquire(20s, 3s);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_TRUE((*taken)->check());
  EXPECT_EQ(dead->check().error().code(), ErrorCode::kConflict);
  dead.reset();  // frees nothing of the new owner's
  EXPECT_TRUE((*taken)->check());
  EXPECT_FALSE(acquire(3500ms, 3s));  // the new owner gives signs of life
  taken->reset();
  EXPECT_TRUE(acquire(1s, 1h));
  EXPECT_EQ(text_of("SELECT count() FROM system.tables WHERE name LIKE 'leat_migrations_lock%'"), "0\n");
}

INSTANTIATE_TEST_SUITE_P(Engines, MigrationTest, ::testing::ValuesIn(engine_kinds()),
                         [](const auto& of) { return of.param; });

}  // namespace
}  // namespace leat::test
