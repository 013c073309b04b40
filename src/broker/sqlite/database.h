// One connection to the SQLite file, its statements and its errors.
//
// Inside this folder a failed statement throws DatabaseError, so that what runs in a transaction reads as a straight
// line; WriteQueue and ReadPool turn it into a Result. No exception leaves the folder.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "leat/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace leat::sqlite {

// SQLite refused a statement: the transaction it was part of must be rolled back.
class DatabaseError : public Error {
 public:
  DatabaseError(ErrorCode code, std::string message) : Error(code, std::move(message)) {}
};

// Marks bytes that are stored as a blob; plain strings are stored as text.
struct Blob {
  std::string_view bytes;
};

// The result of a running statement. Resets the statement when it dies.
class Rows {
 public:
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  // Goes to the next row; false at the end.
  bool next();
  std::int64_t integer(int column) const;
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  bool is_null(int column) const;
  // Text or blob; the view lives until the next row.
  std::string_view bytes(int column) const;
  std::string string(int column) const { return std::string(bytes(column)); }

 private:
  sqlite3_stmt* statement_;
};

// A prepared statement. Values are bound in order, from ?1 on, and borrowed until the statement has run.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);

  template <class... Values>
  void run(const Values&... values) {
    bind_all(values...);
    Rows rows(statement_.get());
    while (rows.next()) {
    }
  }

  template <class... Values>
  Rows query(Values&&... values) {
    static_assert((... && !std::same_as<Values, std::string>), "a temporary string would end before the rows do");
    bind_all(values...);
    return Rows(statement_.get());
  }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };

  template <class... Values>
  void bind_all(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
  }
  template <std::integral T>
  void bind(int index, T value) {
    bind_integer(index, static_cast<std::int64_t>(value));
  }
  void bind_integer(int index, std::int64_t value);
  void bind(int index, std::string_view text);
  void bind(int index, Blob blob);

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

// Not thread-safe: one thread at a time.
class Database {
 public:
  enum class Mode { kCreate, kExisting };  // when the file is missing: makes it, or fails

  // Throws DatabaseError. `on_busy(round)` is called while another process holds a lock: true tries again.
  Database(const std::string& path, Mode mode, std::function<bool(int)> on_busy);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Prepared once per text and kept. The reference lives until forget() or the end of the connection.
  Statement& statement(std::string_view sql);
  // Drops the kept statements whose text holds `part`.
  void forget(std::string_view part);
  // Runs statements that return nothing of interest, separated by semicolons.
  void execute(const std::string& sql);
  std::int64_t read_integer(std::string_view sql);

  std::int64_t changed_rows() const;
  bool in_transaction() const;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Closer {
    void operator()(sqlite3* handle) const;
  };

  std::function<bool(int)> on_busy_;
  std::unique_ptr<sqlite3, Closer> handle_;
  std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
};

// Puts rows read together into one snapshot; ends it when it dies.
class Snapshot {
 public:
  explicit Snapshot(Database& database);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Database& database_;
};

// The version of the SQLite library: "3.40.1".
std::string library_version();

}  // namespace leat::sqlite
