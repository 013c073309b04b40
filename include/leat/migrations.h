// Changes of a ClickHouse schema as SQL files, applied in order, once each.
//
// A file is `{timestamp}_{description}.sql`: 14 digits (20260131120000_create_events.sql), or any other number. It has
// goose's annotations: `-- +goose Up` before what applies it, `-- +goose Down` before what takes it back, and `--
// +goose StatementBegin` and `StatementEnd` around a statement that has semicolons inside; elsewhere a semicolon ends
// one. Quotes and comments are understood.
//
// ClickHouse has no transactions: a file whose second statement fails is applied by half. So each file is marked before
// its first statement and after its last, in the table `leat_migrations`, and a file that is marked as begun alone
// stops all others until somebody has looked. Write one statement per file, and this does not happen.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/clickhouse.h"

namespace leat {

struct MigrationFile {
  std::uint64_t version = 0;    // the timestamp
  std::string description;      // "create_events"
  std::string name;             // of the file
  std::string checksum;         // of its bytes: 16 hex digits
  std::vector<std::string> up;  // statements
  std::vector<std::string> down;
};

// Errors: kInvalidArgument, naming file and line.
Result<MigrationFile> parse_migration(std::string_view file_name, std::string_view text);

// All *.sql files of a directory, by version. Errors: kNotFound (no directory), kInvalidArgument (a file's name or text
// is none, two have the same version), kUnavailable (it cannot be read).
Result<std::vector<MigrationFile>> read_migrations(const std::string& directory);

struct MigrationStatus {
  std::uint64_t version = 0;
  std::string description;
  enum class State {
    kPending,  // to be applied
    kApplied,
    kChanged,  // applied, and the file is another now
    kMissing,  // applied, and the file is gone
    kHalf,     // begun (up or down), and not finished
    kLate,     // not applied, and a newer one is
  } state = State::kPending;
  std::optional<SystemTime> at{};  // of the last change
};

std::string_view to_string(MigrationStatus::State state);

struct MigrationsOptions {
  Duration lock_wait = std::chrono::minutes(1);  // for another runner to finish
  Duration lock_ttl = std::chrono::seconds(30);  // a runner that gave no sign of life for so long is gone; 1 s or more
  Duration timeout = std::chrono::minutes(10);   // of one statement
  Clock* clock = nullptr;                        // borrowed; the machine's unless given
  Log* log = nullptr;                            // borrowed; nothing is logged unless given
};

// One database's migrations. Two runners at once, on any machines, wait for each other: a table whose creation only one
// succeeds in is the lock. Thread-safe. The engine must outlive it.
class Migrations {
 public:
  Migrations(ClickHouse& engine, std::vector<MigrationFile> files, MigrationsOptions options = {});

  // Applies what is pending, up to `to` (that one with it). Returns the versions in the order of their application;
  // with `stop`, those until it came. Errors: kConflict, saying what to do: an applied file was changed, an unapplied
  // one is older than the newest applied, one is applied by half, another runner holds the lock; kNotFound (no file has
  // version `to`); and those of ClickHouse with the file and the statement's number.
  Result<std::vector<std::uint64_t>> up(std::optional<std::uint64_t> to = {}, std::stop_token stop = {});

  // Takes back the newest that is applied; or all that are newer than `to`, newest first (0: all). Nothing is taken
  // back when one of these was changed after it was applied (kConflict), has no Down part (kInvalidArgument) or is
  // missing (kNotFound).
  Result<std::vector<std::uint64_t>> down(std::optional<std::uint64_t> to = {}, std::stop_token stop = {});

  // Files and what is applied, by version. Waits for no lock. kUnknown when `stop` came first.
  Result<std::vector<MigrationStatus>> status(std::stop_token stop = {});

  // After somebody has looked at a half-applied one: writes down that it is applied, or that it is not.
  enum class Settled { kApplied, kPending };
  Result<void> settle(std::uint64_t version, Settled as);

 private:
  ClickHouse& engine_;
  const std::vector<MigrationFile> files_;
  const MigrationsOptions options_;
};

}  // namespace leat
