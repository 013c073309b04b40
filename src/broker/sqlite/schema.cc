#include "broker/sqlite/schema.h"

#include <array>

namespace leat::sqlite {
namespace {

// One step for each version: step n brings a file from version n to n + 1. Steps are never changed, only added.
constexpr std::array<const char*, kSchemaVersion> kSteps = {
    R"(
CREATE TABLE streams(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,
  subjects TEXT NOT NULL,
  retention INTEGER NOT NULL,
  storage INTEGER NOT NULL,
  max_age INTEGER NOT NULL,
  max_messages INTEGER NOT NULL,
  max_bytes INTEGER NOT NULL,
  max_messages_per_subject INTEGER NOT NULL,
  dedupe_window INTEGER NOT NULL,
  replicas INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  bytes INTEGER NOT NULL
);
CREATE TABLE consumers(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream INTEGER NOT NULL,
  name TEXT NOT NULL,
  filter TEXT NOT NULL,
  ack_wait INTEGER NOT NULL,
  max_unsettled INTEGER NOT NULL,
  cursor INTEGER NOT NULL,
  claimed INTEGER NOT NULL,
  leased INTEGER NOT NULL,
  UNIQUE(stream, name)
);
CREATE TABLE claims(
  consumer INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  due INTEGER NOT NULL,
  remaining INTEGER NOT NULL,
  PRIMARY KEY(consumer, first)
) WITHOUT ROWID;
CREATE INDEX claims_due ON claims(consumer, due);
CREATE TABLE leases(
  consumer INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  due INTEGER NOT NULL,
  held INTEGER NOT NULL,
  PRIMARY KEY(consumer, sequence)
) WITHOUT ROWID;
CREATE INDEX leases_due ON leases(consumer, due);
CREATE TABLE buckets(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  ttl INTEGER NOT NULL,
  replicas INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  pruned INTEGER NOT NULL,
  tombstones INTEGER NOT NULL
);
)",
    "ALTER TABLE consumers ADD COLUMN deliveries INTEGER NOT NULL DEFAULT 0"};

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw DatabaseError(ErrorCode::kCorrupt, "\"" + path + "\" " + why);
}

void check_owner(Database& database, const std::string& path) {
  // The tables first: another process may be making the file now, and both appear in one transaction.
  const std::int64_t tables = database.read_integer("SELECT count(*) FROM sqlite_master");
  const std::int64_t application = database.read_integer("PRAGMA application_id");
  if (application == kApplicationId || (application == 0 && tables == 0)) return;
  refuse(path, "is the SQLite database of another program: give leat a file of its own");
}

std::int64_t check_version(Database& database, const std::string& path) {
  const std::int64_t version = database.read_integer("PRAGMA user_version");
  if (version <= kSchemaVersion) return version;
  refuse(path, "has version " + std::to_string(version) + ", written by a newer leat; this one reads up to " +
                   std::to_string(kSchemaVersion) + ": upgrade leat, or open another file");
}

void apply_steps(Database& database, std::int64_t version) {
  for (std::int64_t step = version; step < kSchemaVersion; ++step) {
    database.execute(kSteps[static_cast<std::size_t>(step)]);
  }
  database.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.execute("PRAGMA user_version = " + std::to_string(kSchemaVersion));
}

std::string index_name(std::int64_t stream) {
  return "subjects_" + std::to_string(stream);
}

}  // namespace

std::int64_t check_origin(Database& database, const std::string& path) {
  check_owner(database, path);
  return check_version(database, path);
}

void migrate(Database& database, const std::string& path) {
  if (check_origin(database, path) == kSchemaVersion) return;
  database.execute("BEGIN IMMEDIATE");
  try {
    // Again, now that nobody else can write: another process may have been faster.
    apply_steps(database, check_origin(database, path));
    database.execute("COMMIT");
  } catch (const DatabaseError&) {
    if (database.in_transaction()) database.execute("ROLLBACK");
    throw;
  }
}

std::string messages_table(std::int64_t stream) {
  return "messages_" + std::to_string(stream);
}
std::string ids_table(std::int64_t stream) {
  return "ids_" + std::to_string(stream);
}
std::string records_table(std::int64_t bucket) {
  return "records_" + std::to_string(bucket);
}

void create_stream_tables(Database& database, std::int64_t stream) {
  // The payload comes last: what is read without it does not walk a long payload's pages.
  database.execute("CREATE TABLE " + messages_table(stream) +
                   "(sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, subject TEXT NOT NULL,"
                   " headers BLOB NOT NULL, payload BLOB NOT NULL)");
  const std::string ids = ids_table(stream);
  database.execute("CREATE TABLE " + ids +
                   "(sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, id TEXT NOT NULL);"
                   "CREATE INDEX " +
                   ids + "_id ON " + ids + "(id)");
}

void drop_stream_tables(Database& database, std::int64_t stream) {
  database.execute("DROP TABLE " + messages_table(stream) + "; DROP TABLE " + ids_table(stream));
}

void create_subject_index(Database& database, std::int64_t stream) {
  database.execute("CREATE INDEX " + index_name(stream) + " ON " + messages_table(stream) + "(subject)");
}

bool has_subject_index(Database& database, std::int64_t stream) {
  const std::string name = index_name(stream);
  Rows rows = database.statement("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?").query(name);
  return rows.next();
}

void create_bucket_tables(Database& database, std::int64_t bucket) {
  const std::string records = records_table(bucket);
  database.execute("CREATE TABLE " + records +
                   "(revision INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,"
                   " erased INTEGER NOT NULL, value BLOB NOT NULL);"
                   "CREATE INDEX " +
                   records + "_erased ON " + records + "(revision) WHERE erased = 1");
}

}  // namespace leat::sqlite
