#include "broker/sqlite/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "broker/sqlite/failure.h"
#include "leat/message.h"

namespace leat::sqlite {
namespace {

std::string path_of(sqlite3* database) {
  const char* path = sqlite3_db_filename(database, "main");
  return path == nullptr ? std::string() : path;
}

[[noreturn]] void raise(sqlite3* database, int result, std::string_view what) {
  // A failed COMMIT leaves the system's error in errno alone.
  const int system_error = errno;
  throw describe({.path = path_of(database),
                  .result = result,
                  .system_error = system_error,
                  .message = sqlite3_errmsg(database),
                  .what = what});
}

void require_ok(sqlite3* database, int result, std::string_view what) {
  if (result != SQLITE_OK) raise(database, result, what);
}

std::string_view bytes_of(sqlite3_value* value) {
  const void* data = sqlite3_value_blob(value);
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// leat_matches(filter, subject) in SQL.
void matches_in_sql(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  sqlite3_result_int(context, subject_matches(bytes_of(values[0]), bytes_of(values[1])) ? 1 : 0);
}

int busy_in_sql(void* on_busy, int round) {
  return (*static_cast<std::function<bool(int)>*>(on_busy))(round) ? 1 : 0;
}

}  // namespace

Rows::~Rows() {
  sqlite3_reset(statement_);
}

bool Rows::next() {
  errno = 0;
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) raise(sqlite3_db_handle(statement_), result, sqlite3_sql(statement_));
  return false;
}

std::int64_t Rows::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

bool Rows::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string_view Rows::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &statement, nullptr);
  require_ok(database, result, sql);
  statement_.reset(statement);
}

void Statement::bind_integer(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::bind(int index, std::string_view text) {
  // A null pointer would be bound as NULL instead of as the empty text.
  const char* data = text.data() == nullptr ? "" : text.data();
  const int result = sqlite3_bind_text64(statement_.get(), index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (result != SQLITE_OK) raise(sqlite3_db_handle(statement_.get()), result, "binding text");
}

void Statement::bind(int index, Blob blob) {
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  const int result = sqlite3_bind_blob64(statement_.get(), index, data, blob.bytes.size(), SQLITE_STATIC);
  if (result != SQLITE_OK) raise(sqlite3_db_handle(statement_.get()), result, "binding a blob");
}

void Database::Closer::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Database::Database(const std::string& path, Mode mode, std::function<bool(int)> on_busy)
    : on_busy_(std::move(on_busy)) {
  const int access = SQLITE_OPEN_READWRITE | (mode == Mode::kCreate ? SQLITE_OPEN_CREATE : 0);
  sqlite3* handle = nullptr;
  errno = 0;
  const int result = sqlite3_open_v2(path.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);
  if (result != SQLITE_OK)
    throw describe({.path = path, .result = result, .system_error = errno, .message = sqlite3_errstr(result)});
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_handler(handle, busy_in_sql, &on_busy_);
  require_ok(handle,
             sqlite3_create_function_v2(handle, "leat_matches", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
                                        matches_in_sql, nullptr, nullptr, nullptr),
             "leat_matches");
}

Database::~Database() = default;

Statement& Database::statement(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  return statements_.emplace(std::string(sql), Statement(handle_.get(), sql)).first->second;
}

void Database::forget(std::string_view part) {
  std::erase_if(statements_, [part](const auto& entry) { return entry.first.find(part) != std::string::npos; });
}

void Database::execute(const std::string& sql) {
  errno = 0;
  require_ok(handle_.get(), sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr), sql);
}

std::int64_t Database::read_integer(std::string_view sql) {
  Rows rows = statement(sql).query();
  return rows.next() ? rows.integer(0) : 0;
}

std::int64_t Database::changed_rows() const {
  return sqlite3_changes64(handle_.get());
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(handle_.get()) == 0;
}

Snapshot::Snapshot(Database& database) : database_(database) {
  database_.statement("BEGIN").run();
}

Snapshot::~Snapshot() {
  try {
    database_.statement("COMMIT").run();
  } catch (const DatabaseError&) {
    // Nothing was written: the snapshot ends with the connection's next transaction at the latest.
  }
}

std::string library_version() {
  return sqlite3_libversion();
}

}  // namespace leat::sqlite
