#include "broker/sqlite/store.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "broker/sqlite/lock_owner.h"
#include "broker/sqlite/schema.h"

namespace leat::sqlite {
namespace {

constexpr Duration kLongestLock = std::chrono::seconds(10);
// How often waits look at a clock that is not the machine's.
constexpr Duration kLookAgain = std::chrono::milliseconds(1);

// Waits for a lock that another process holds: in short turns, each ended early when it is released.
std::function<bool(int)> wait_on(Wake& wake) {
  return [&wake, began = SteadyTime{}](int round) mutable {
    const SteadyTime now = real_clock().steady();
    if (round == 0) began = now;
    if (now - began >= kLongestLock) return false;
    wake.wait_for_release();
    return true;
  };
}

Result<void> check_path(const std::string& path) {
  if (path.empty() || path.front() == ':') {
    return Error(ErrorCode::kInvalidArgument, "\"" + path + "\" is no file name: give the path of the database file");
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Error(ErrorCode::kInvalidArgument, "\"" + path + "\" is a directory: give the path of a file in it");
  }
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (!directory.empty() && !std::filesystem::is_directory(directory, ignored)) {
    return Error(ErrorCode::kNotFound, "directory \"" + directory.string() + "\" does not exist: create it first");
  }
  return {};
}

std::string read_text(Database& database, std::string_view sql) {
  Rows rows = database.statement(sql).query();
  return rows.next() ? rows.string(0) : std::string();
}

void set_up(Database& database, const std::string& path, SqliteOptions::Sync sync) {
  migrate(database, path);
  if (read_text(database, "PRAGMA journal_mode = WAL") != "wal") {
    throw DatabaseError(ErrorCode::kUnavailable,
                        "\"" + path + "\": its file system has no shared memory maps: use a local one");
  }
  database.execute(sync == SqliteOptions::Sync::kFull ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  // Deleted bytes need not be overwritten, and a page of them need not be written at all.
  database.execute("PRAGMA secure_delete = OFF");
  database.execute("PRAGMA cache_size = -8000");
  database.execute("PRAGMA wal_autocheckpoint = 4000");
  database.execute("PRAGMA journal_size_limit = 67108864");
}

Error explain(const Error& error, const std::string& path) {
  if (error.code() == ErrorCode::kUnavailable && error.message().ends_with("locked")) {
    return Error(ErrorCode::kUnavailable, "\"" + path + "\" is locked by " + lock_owner(path) +
                                              ": end it, or try again later (" + error.message() + ")");
  }
  if (error.code() == ErrorCode::kCorrupt && error.message().starts_with("sqlite:")) {
    return Error(ErrorCode::kCorrupt, "\"" + path +
                                          "\" is no leat database, or damaged: restore it from a backup, or "
                                          "open another file (" +
                                          error.message() + ")");
  }
  return error;
}

std::unique_ptr<Database> open_database(const std::string& path, const SqliteOptions& options, Wake& wake) {
  auto database = std::make_unique<Database>(path, Database::Mode::kWrite, wait_on(wake));
  set_up(*database, path, options.sync);
  return database;
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path, const SqliteOptions& options) {
  if (auto valid = check_path(path); !valid) return valid.error();
  auto wake = std::make_unique<Wake>();
  if (auto opened = wake->open(path + "-wake"); !opened) return opened.error();
  try {
    return std::unique_ptr<Store>(new Store(path, options, std::move(wake)));
  } catch (const DatabaseError& error) {
    return explain(error, path);
  }
}

Store::Store(const std::string& path, const SqliteOptions& options, std::unique_ptr<Wake> wake)
    : path_(path),
      clock_(options.clock != nullptr ? *options.clock : real_clock()),
      log_(options.log != nullptr ? *options.log : no_log()),
      owned_wake_(std::move(wake)),
      wake_(*owned_wake_),
      reads_(path, wait_on(wake_)),
      writes_(open_database(path, options, wake_), wake_, options.sync) {
  log_.info("sqlite file opened", {{"path", path}, {"sqlite", library_version()}});
}

Result<void> Store::write(Durability durability, const Write& write) {
  auto written = writes_.run(durability, write);
  if (written || written.error().code() != ErrorCode::kUnavailable) return written;
  const Error error = explain(written.error(), path_);
  log_.warn("sqlite file cannot be written", {{"path", path_}, {"error", error.message()}});
  return error;
}

void Store::wait(std::size_t topic, std::uint32_t seen, SteadyTime deadline, const std::stop_token& stop) {
  const bool is_real = &clock_ == &real_clock();
  wake_.wait(topic, seen, is_real ? deadline : real_clock().steady() + kLookAgain, stop);
}

}  // namespace leat::sqlite
