// What is special about a file: whose it is, who holds it, and how much room it has.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "broker/sqlite/database.h"
#include "broker/sqlite/schema.h"
#include "leat/sqlite_broker.h"
#include "tests/support/temporary_directory.h"

namespace leat::sqlite {
namespace {

using namespace std::chrono_literals;

bool wait_for_it(int /*round*/) {
  return true;
}

class SqliteFile : public testing::Test {
 protected:
  std::string path() const { return (directory_.path() / "test.db").string(); }

  bool has_wake_file() const {
    std::error_code ignored;
    return std::filesystem::exists(path() + "-wake", ignored);
  }

  // A file with a stream, closed again.
  void make_file() const {
    open_sqlite_broker(path()).value()->ensure_stream({.name = "s", .subjects = {"s.>"}}).value();
    std::filesystem::remove(path() + "-wake");
  }

  void expect_refused(ErrorCode code, const std::string& hint, const SqliteOptions& options = {}) const {
    const auto opened = open_sqlite_broker(path(), options);
    ASSERT_FALSE(opened);
    const std::string& message = opened.error().message();
    EXPECT_EQ(opened.error().code(), code) << message;
    EXPECT_NE(message.find(hint), std::string::npos) << message;
    EXPECT_NE(message.find(path()), std::string::npos) << message;
    for (const char* sql : {"PRAGMA", "SELECT", "BEGIN"}) EXPECT_EQ(message.find(sql), std::string::npos) << message;
    EXPECT_FALSE(has_wake_file()) << "nothing is put beside a refused file";
  }

  static Result<Appended> append(Broker& broker, const std::string& payload) {
    const AppendRequest request{.message = {.subject = "s.x", .headers = {}, .payload = payload}};
    return broker.append("s", {&request, 1}).front();
  }

  test::TemporaryDirectory directory_;
};

TEST_F(SqliteFile, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path()) << "Dear diary, today I wrote a program that opened the wrong file.\n";
  expect_refused(ErrorCode::kCorrupt, "open another file");
  EXPECT_EQ(std::filesystem::file_size(path()), 64u) << "a refused file must stay as it was";
}

TEST_F(SqliteFile, RefusesATruncatedFile) {
  make_file();
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) / 2);
  expect_refused(ErrorCode::kCorrupt, "restore it from a backup");
  std::filesystem::resize_file(path(), 50);
  expect_refused(ErrorCode::kCorrupt, "restore it from a backup");
}

TEST_F(SqliteFile, RefusesAMissingFileWhenItMustNotCreateIt) {
  expect_refused(ErrorCode::kNotFound, "does not exist: check the path", {.create = false});
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  make_file();
  EXPECT_TRUE(open_sqlite_broker(path(), {.create = false}));
}

TEST_F(SqliteFile, RefusesTheDatabaseOfAnotherProgram) {
  Database(path(), Database::Mode::kCreate, wait_for_it).execute("CREATE TABLE recipes(name TEXT)");
  expect_refused(ErrorCode::kCorrupt, "another program");
}

TEST_F(SqliteFile, RefusesAFileOfANewerVersion) {
  make_file();
  Database(path(), Database::Mode::kCreate, wait_for_it)
      .execute("PRAGMA user_version = " + std::to_string(kSchemaVersion + 1));
  expect_refused(ErrorCode::kCorrupt, "upgrade leat");
}

TEST_F(SqliteFile, NamesAMissingDirectory) {
  const auto opened = open_sqlite_broker((directory_.path() / "none" / "test.db").string());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(opened.error().message().find("create it"), std::string::npos) << opened.error().message();
}

TEST_F(SqliteFile, RefusesADeviceADirectoryAndAnEmptyPath) {
  const auto device = open_sqlite_broker("/dev/null");
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(device.error().message().find("\"/dev/null\" is no regular file"), std::string::npos);
  EXPECT_EQ(open_sqlite_broker(directory_.path().string()).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(open_sqlite_broker("").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(open_sqlite_broker(":memory:").error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(SqliteFile, MigratesAFileWithoutTables) {
  Database(path(), Database::Mode::kCreate, wait_for_it).execute("PRAGMA journal_mode = WAL");
  open_sqlite_broker(path()).value();
  Database database(path(), Database::Mode::kExisting, wait_for_it);
  EXPECT_EQ(database.read_integer("PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(database.read_integer("PRAGMA application_id"), kApplicationId);
}

TEST_F(SqliteFile, MigratesAFileOfTheFirstVersion) {
  const ConsumerConfig workers{.stream = "s", .name = "workers"};
  const auto fetch_one = [&](Broker& broker) {
    const auto consumer = broker.open_consumer(workers).value();
    return consumer->fetch({.max_count = 1}, {}).value().at(0);
  };
  {
    auto broker = open_sqlite_broker(path()).value();
    broker->ensure_stream({.name = "s", .subjects = {"s.x"}}).value();
    append(*broker, "one").value();
    append(*broker, "two").value();
    EXPECT_EQ(fetch_one(*broker).message.payload, "one");
  }
  Database(path(), Database::Mode::kExisting, wait_for_it)
      .execute("ALTER TABLE consumers DROP COLUMN deliveries; PRAGMA user_version = 1");
  auto broker = open_sqlite_broker(path()).value();
  const Delivery delivery = fetch_one(*broker);
  EXPECT_EQ(delivery.message.payload, "two");
  EXPECT_EQ(delivery.number, 1U);
}

TEST_F(SqliteFile, KeepsEverythingWhenOpenedAgain) {
  const StreamConfig config{.name = "s",
                            .subjects = {"s.x", "s.y.>"},
                            .retention = Retention::kWorkQueue,
                            .max_age = 1h,
                            .max_messages = 7,
                            .max_bytes = 1'000,
                            .max_messages_per_subject = 5,
                            .dedupe_window = 3s};
  {
    auto broker = open_sqlite_broker(path()).value();
    EXPECT_TRUE(broker->ensure_stream(config).value().created);
    EXPECT_EQ(append(*broker, "one").value().sequence, 1u);
  }
  auto broker = open_sqlite_broker(path()).value();
  const EnsureResult again = broker->ensure_stream(config).value();
  EXPECT_FALSE(again.created);
  EXPECT_TRUE(again.drift.empty()) << again.drift.front().setting;
  EXPECT_EQ(append(*broker, "two").value().sequence, 2u);
  EXPECT_EQ(broker->admin().read("s", 1).value()->payload, "one");
}

// Takes the rights of root away, which may write every file, while it lives.
class WithoutRoot {
 public:
  WithoutRoot() {
    constexpr uid_t kNobody = 65'534;
    if (before_ == 0 && seteuid(kNobody) != 0) throw std::runtime_error("cannot become another user");
  }
  ~WithoutRoot() {
    if (before_ == 0 && seteuid(before_) != 0) std::abort();
  }

 private:
  const uid_t before_ = geteuid();
};

class SqliteRights : public SqliteFile {
 protected:
  using enum std::filesystem::perms;
  static constexpr auto kReadOnly = owner_read | group_read | others_read;
  static constexpr auto kEnter = owner_exec | group_exec | others_exec;

  ~SqliteRights() override { std::filesystem::permissions(directory_.path(), owner_all); }

  // As everybody's rights, so that it does not matter who the owner is.
  void expect_denied(std::filesystem::perms file, std::filesystem::perms directory) {
    if (std::filesystem::exists(path())) std::filesystem::permissions(path(), file);
    std::filesystem::permissions(directory_.path(), directory);
    const WithoutRoot without;
    expect_refused(ErrorCode::kDenied, "give this user the right to");
  }
};

TEST_F(SqliteRights, RefusesAFileThatCanOnlyBeRead) {
  make_file();
  expect_denied(kReadOnly, all);
}

TEST_F(SqliteRights, RefusesADirectoryThatCannotBeWritten) {
  expect_denied(none, kReadOnly | kEnter);
  std::filesystem::permissions(directory_.path(), all);
  make_file();
  expect_denied(all, kReadOnly | kEnter);
}

TEST_F(SqliteRights, WhoMayWriteTheFileMayWakeOthers) {
  constexpr auto kShared = owner_read | owner_write | group_read | group_write | others_read | others_write;
  make_file();
  std::filesystem::permissions(path(), kShared);
  std::filesystem::permissions(directory_.path(), all);
  open_sqlite_broker(path()).value();
  EXPECT_EQ(std::filesystem::status(path() + "-wake").permissions(), kShared);
  const WithoutRoot without;
  EXPECT_TRUE(open_sqlite_broker(path()));
}

TEST_F(SqliteRights, RefusesADirectoryThatCannotBeEntered) {
  make_file();
  expect_denied(all, kReadOnly);
}

// Limits the size of every file that this process writes, which acts as a full disk does.
class FullDisk {
 public:
  explicit FullDisk(rlim_t most_bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{.rlim_cur = most_bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(SqliteFile, GoesOnAfterAFullDiskAndLosesNothing) {
  constexpr rlim_t kRoom = 512 * 1024;
  auto broker = open_sqlite_broker(path()).value();
  broker->ensure_stream({.name = "s", .subjects = {"s.>"}}).value();
  std::uint64_t stored = 0;
  const std::string payload(10'000, 'x');
  {
    const FullDisk full(kRoom);
    auto result = append(*broker, payload);
    for (; result && stored < 1'000; result = append(*broker, payload)) stored = result->sequence;
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kFull) << result.error().message();
    EXPECT_EQ(append(*broker, payload).error().code(), ErrorCode::kFull);
  }
  EXPECT_EQ(append(*broker, "after").value().sequence, stored + 1);
  broker = open_sqlite_broker(path()).value();
  EXPECT_EQ(broker->admin().stream("s").value().messages, stored + 1);
  EXPECT_EQ(broker->admin().read("s", stored).value()->payload, payload);
}

}  // namespace
}  // namespace leat::sqlite
