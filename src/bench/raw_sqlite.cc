#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include "bench/measure.h"
#include "bench/raw_client.h"
#include "core/ulid.h"
#include "leat/message.h"

namespace leat {
namespace {

class RawSqlite : public RawClient {
 public:
  RawSqlite(const std::string& directory, const std::string& sync)
      : path_(directory + "/raw-" + make_ulid(real_clock().now()) + ".db") {
    check(sqlite3_open(path_.c_str(), &database_));
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = " + sync);
    run("PRAGMA wal_autocheckpoint = 4000");
  }
  ~RawSqlite() override {
    sqlite3_close(database_);
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  Result<double> enqueue(const RawWork& work) override { return insert(work, work.batch); }
  Result<double> enqueue_singly(const RawWork& work) override { return insert(work, 1); }

  // A claim writes a lease for each message, an acknowledgement removes lease and job: a transaction each per batch.
  Result<double> process(const RawWork& work) override {
    try {
      position_ = 0;
      const SteadyTime begin = real_clock().steady();
      for (std::size_t done = 0; done < work.jobs;) done += claim_and_acknowledge(work);
      return static_cast<double>(work.jobs) / seconds_since(begin);
    } catch (const Error& error) {
      return error;
    }
  }

  void clean(const RawWork&) override { run("DROP TABLE IF EXISTS messages; DROP TABLE IF EXISTS leases"); }

 private:
  void check(int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
      throw Error(ErrorCode::kUnavailable, sqlite3_errmsg(database_));
    }
  }
  void run(const std::string& sql) { check(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr)); }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr));
    return statement;
  }
  void step(sqlite3_stmt* statement) {
    check(sqlite3_step(statement));
    sqlite3_reset(statement);
  }

  void make_tables(const RawWork& work) {
    clean(work);
    run("CREATE TABLE messages(sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, subject TEXT NOT NULL,"
        " headers BLOB NOT NULL, payload BLOB NOT NULL);"
        "CREATE TABLE leases(sequence INTEGER PRIMARY KEY, due INTEGER NOT NULL)");
    if (work.lane == Lane::kAddressable) run("CREATE UNIQUE INDEX subjects ON messages(subject)");
  }

  Result<double> insert(const RawWork& work, std::size_t batch) {
    try {
      make_tables(work);
      sqlite3_stmt* insert = prepare("INSERT INTO messages(time, subject, headers, payload) VALUES(?, ?, ?, ?)");
      const SteadyTime begin = real_clock().steady();
      for (std::size_t done = 0; done < work.jobs; done += batch) {
        run("BEGIN IMMEDIATE");
        for (std::size_t i = done; i < std::min(done + batch, work.jobs); ++i) insert_one(insert, work);
        run("COMMIT");
      }
      const double per_second = static_cast<double>(work.jobs) / seconds_since(begin);
      sqlite3_finalize(insert);
      return per_second;
    } catch (const Error& error) {
      return error;
    }
  }

  void insert_one(sqlite3_stmt* insert, const RawWork& work) {
    const std::string key = make_ulid(real_clock().now());
    std::string subject = work.name_space + ".medium.default.";
    Headers headers;
    if (work.shape == RawWork::Shape::kJob) headers.set("Leat-Kind", "bench");
    if (work.shape == RawWork::Shape::kMessage) {
      subject += "_";
    } else if (work.lane == Lane::kBulk) {
      subject += "_";
      headers.set("Leat-Id", "medium.default._" + key);
    } else {
      subject += key;
    }
    const std::string& blob = headers.encoded();
    sqlite3_bind_int64(insert, 1, real_clock().now().time_since_epoch().count());
    sqlite3_bind_text(insert, 2, subject.data(), static_cast<int>(subject.size()), SQLITE_STATIC);
    sqlite3_bind_blob(insert, 3, blob.data(), static_cast<int>(blob.size()), SQLITE_STATIC);
    sqlite3_bind_blob(insert, 4, work.payload.data(), static_cast<int>(work.payload.size()), SQLITE_STATIC);
    step(insert);
  }

  std::size_t claim_and_acknowledge(const RawWork& work) {
    sqlite3_stmt* select = prepare(
        "SELECT sequence, subject, headers, payload FROM messages WHERE sequence > ? ORDER BY sequence LIMIT ?");
    sqlite3_stmt* lease = prepare("INSERT INTO leases(sequence, due) VALUES(?, ?)");
    sqlite3_stmt* release = prepare("DELETE FROM leases WHERE sequence = ?");
    sqlite3_stmt* remove = prepare("DELETE FROM messages WHERE sequence = ?");
    std::vector<sqlite3_int64> claimed;
    std::size_t bytes = 0;
    run("BEGIN IMMEDIATE");
    sqlite3_bind_int64(select, 1, position_);
    sqlite3_bind_int64(select, 2, static_cast<sqlite3_int64>(work.batch));
    while (sqlite3_step(select) == SQLITE_ROW) {
      claimed.push_back(sqlite3_column_int64(select, 0));
      bytes += static_cast<std::size_t>(sqlite3_column_bytes(select, 3));
    }
    for (const sqlite3_int64 sequence : claimed) {
      sqlite3_bind_int64(lease, 1, sequence);
      sqlite3_bind_int64(lease, 2, static_cast<sqlite3_int64>(bytes));
      step(lease);
    }
    run("COMMIT");
    run("BEGIN IMMEDIATE");
    for (const sqlite3_int64 sequence : claimed) {
      for (sqlite3_stmt* statement : {release, remove}) {
        if (statement == remove && work.shape == RawWork::Shape::kMessage) continue;
        sqlite3_bind_int64(statement, 1, sequence);
        step(statement);
      }
    }
    run("COMMIT");
    for (sqlite3_stmt* statement : {select, lease, release, remove}) sqlite3_finalize(statement);
    if (claimed.empty()) throw Error(ErrorCode::kInternal, "jobs are missing");
    position_ = claimed.back();
    return claimed.size();
  }

  const std::string path_;
  sqlite3* database_ = nullptr;
  sqlite3_int64 position_ = 0;  // of the last one claimed
};

}  // namespace

Result<std::unique_ptr<RawClient>> open_raw_sqlite(const std::string& directory, const std::string& sync) {
  try {
    return std::make_unique<RawSqlite>(directory, sync);
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace leat
