// ClickHouse: a server over HTTP, or its own engine in this process.
//
//   clickhouse://user:password@host:8123/db      a server; `http://` is the same, `https://` (port 8443) with TLS
//   chdb:events                                  the engine itself (libchdb), with its tables in a directory
//
// Parameters of a server follow `?` and are joined by `&`; an unknown one is an error.
//   compression=auto|zstd|gzip|none   of what is inserted; auto (default): none to this machine, else what it knows
//   tls=yes|no                        https for a `clickhouse://` URL; no unless given
//   ca_file=FILE                      PEM: whom to trust instead of those whom the machine trusts
//   timeout=30s, connect_timeout=10s  of one request; QueryOptions and InsertRequest can say another
// Percent-encoding as in any URL. The database must exist; without one it is the user's default.
//
// The engine in the process is loaded at run time, from the first of: the file that OpenClickHouseOptions::library
// names; node_modules/@chdb/lib-linux-x64-gnu/libchdb.so under the working directory, its folder build, the program's
// folder or the one above; the system's libraries. `npm install @chdb/lib-linux-x64-gnu` gets it. It takes 0.5 GB on
// disk and 0.2 GB of memory. A process has one directory open, and a directory is open in one process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/clock.h"
#include "leat/column_type.h"
#include "leat/log.h"
#include "leat/result.h"

namespace leat {

// Names and values as ClickHouse's SETTINGS has them.
using ClickHouseSettings = std::vector<std::pair<std::string, std::string>>;

struct ClickHouseFacts {
  std::string version;  // "26.5.1.1"
  unsigned major = 0;
  unsigned minor = 0;
  std::string database;   // where names without one are looked for
  bool embedded = false;  // true for `chdb:`
  bool tokens = false;    // insert_deduplication_token is known: 22.2 and later
  std::string address;    // for logs and messages: without secrets
};

struct QueryOptions {
  ClickHouseSettings settings{};      // for this query alone
  std::string query_id{};             // made by the engine unless given
  std::optional<Duration> timeout{};  // the URL's unless given; a server only
  // Then the answer is waited for no longer: kUnknown. An embedded engine looks at it before it begins, no more.
  std::stop_token stop{};
};

// Rows for one INSERT.
struct InsertRequest {
  std::string table;                   // `events` or `db.events`: letters, digits and `_`
  std::vector<std::string> columns{};  // in the order of the bytes; none: all, in the table's order
  std::string_view rows{};             // RowBinary
  std::string token{};                 // insert_deduplication_token; none unless given
  ClickHouseSettings settings{};
  std::string query_id{};
  std::optional<Duration> timeout{};
};

// What became of an insert that was answered.
struct InsertAnswer {
  enum class Verdict {
    kStored,   // durable, or stored before under the same token
    kRefused,  // a row's fault: nothing is stored; the same rows are refused again. Never a view's that the table feeds
    kStopped,  // `stop` came first: it may or may not be stored
  } verdict = Verdict::kStored;
  int code = 0;        // ClickHouse's, of what was refused
  std::string reason;  // what ClickHouse says of it
};

// Thread-safe: calls of several threads run side by side.
//
// Errors of all calls, by what the caller does next: kUnavailable (no connection, or the server is too busy: nothing
// happened; again later), kUnknown (the answer was lost: it may have happened), kDenied (user, password, rights,
// certificate), kNotFound (table, database), kConflict (it is there already), kFull (no space left), kInvalidArgument
// (the query's or the table's fault: never again as it is), kInternal. Messages hold what ClickHouse says, with its
// code, and never user or password.
class ClickHouse {
 public:
  virtual ~ClickHouse() = default;

  virtual const ClickHouseFacts& facts() const = 0;

  // A statement that answers nothing: one, without a semicolon's end.
  virtual Result<void> execute(std::string_view sql, const QueryOptions& options = {}) = 0;

  // The answer's bytes, 64 MB at most, in the FORMAT that the query names, else TabSeparated.
  virtual Result<std::string> query(std::string_view sql, const QueryOptions& options = {}) = 0;

  // Sends async_insert=0, so that an ok means stored. A row's fault is an answer, not an error. An embedded engine
  // looks at `stop` before it begins, no more.
  virtual Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop = {}) = 0;

  // True while a query of this id runs, whoever began it.
  virtual Result<bool> is_running(std::string_view query_id) = 0;
};

struct OpenClickHouseOptions {
  std::string library{};   // path of libchdb.so; looked for unless given
  Clock* clock = nullptr;  // borrowed; the machine's unless given
  Log* log = nullptr;      // borrowed; nothing is logged unless given. Secrets never are
  std::stop_token stop{};  // while it is opened: a server is waited for no longer
};

// Asks a server for its version; loads and starts the embedded engine.
// Errors: kInvalidArgument (the URL: says which part), kNotFound (no libchdb: says how to get it; no such database),
// kUnavailable, kUnknown (no answer came), kDenied, kConflict (the directory is open in another process, or another one
// in this).
Result<std::unique_ptr<ClickHouse>> open_clickhouse(std::string_view url, const OpenClickHouseOptions& options = {});

// True for a URL that open_clickhouse takes, by its scheme alone.
bool is_clickhouse_url(std::string_view url);

// Rows as text, NULL as nothing. `sql` is a SELECT (or SHOW, DESCRIBE) without FORMAT.
using ClickHouseRow = std::vector<std::optional<std::string>>;
Result<std::vector<ClickHouseRow>> query_rows(ClickHouse& engine, std::string_view sql,
                                              const QueryOptions& options = {});

// 'it''s' as ClickHouse reads it: a string literal with its quotes.
std::string quote_literal(std::string_view text);
// `name` as an identifier with backquotes.
std::string quote_name(std::string_view name);

struct TableColumn {
  std::string name;
  ColumnType type;
  enum class Default {
    kNone,
    kExpression,
    kNotInsertable
  } default_is = Default::kNone;  // the last: MATERIALIZED, ALIAS
};

struct TableDescription {
  std::string name;                        // as it was asked for
  std::vector<TableColumn> columns;        // in the table's order
  std::string engine;                      // "MergeTree"
  std::string engine_full{};               // with its clauses, where the engine tells them
  std::uint64_t deduplication_window = 0;  // inserts whose tokens the table remembers; 0: none, tokens do nothing
};

// Errors: kNotFound (no such table), kInvalidArgument (a column's type is not known here: names column and type), and
// those of query().
Result<TableDescription> describe_table(ClickHouse& engine, std::string_view table);

// Waits until no query of this id runs any more. False when `deadline` or `stop` came first.
Result<bool> wait_until_ended(ClickHouse& engine, std::string_view query_id, Clock& clock, SteadyTime deadline,
                              std::stop_token stop = {});

}  // namespace leat
