#include "broker/sqlite/store.h"

#include <utility>

#include "broker/sqlite/file_check.h"
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

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path, const SqliteOptions& options) {
  if (auto checked = check_file(path, options); !checked) return checked.error();
  const auto mode = options.create ? Database::Mode::kCreate : Database::Mode::kExisting;
  auto wake = std::make_unique<Wake>();
  try {
    auto database = std::make_unique<Database>(path, mode, wait_on(*wake));
    check_origin(*database, path);  // before anything is put beside a file that is not ours
    if (auto opened = wake->open(path); !opened) return opened.error();
    set_up(*database, path, options.sync);
    return std::unique_ptr<Store>(new Store(path, options, std::move(wake), std::move(database)));
  } catch (const DatabaseError& error) {
    return Error(error);
  }
}

Store::Store(const std::string& path, const SqliteOptions& options, std::unique_ptr<Wake> wake,
             std::unique_ptr<Database> database)
    : clock_(options.clock != nullptr ? *options.clock : real_clock()),
      owned_wake_(std::move(wake)),
      wake_(*owned_wake_),
      reads_(path, wait_on(wake_)),
      writes_(std::move(database), wake_, options.sync) {
  Log& log = options.log != nullptr ? *options.log : no_log();
  log.info("sqlite file opened", {{"path", path}, {"sqlite", library_version()}});
}

void Store::wait(std::size_t topic, std::uint32_t seen, SteadyTime deadline, const std::stop_token& stop) {
  const bool is_real = &clock_ == &real_clock();
  wake_.wait(topic, seen, is_real ? deadline : real_clock().steady() + kLookAgain, stop);
}

}  // namespace leat::sqlite
