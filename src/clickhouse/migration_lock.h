// One runner at a time, by a table whose creation only one succeeds in.
//
// ClickHouse has no locks, but CREATE TABLE (without IF NOT EXISTS) either makes the table or says that it is there.
// The owner's id is a default expression of its column, so it is there at once with the table; a row that the owner
// inserts now and then is its sign of life. Nobody drops the table of another owner while it may live: who takes over
// from a dead one creates the table that is named after the dead owner's id, and so at most one takes over. The owner
// at the end of that chain holds the lock.
#pragma once

#include <optional>
#include <string>

#include "core/thread.h"
#include "leat/clickhouse.h"

namespace leat {

struct MigrationLockOptions {
  Duration wait;
  Duration ttl;
  Clock& clock;
  Log& log;
};

// Not thread-safe; keeps a thread that gives signs of life. The engine must outlive it.
class MigrationLock {
 public:
  // Waits for it; null when `stop` came first. Errors: kConflict, naming who holds it, after `wait`, and those of
  // ClickHouse.
  static Result<std::unique_ptr<MigrationLock>> acquire(ClickHouse& engine, const MigrationLockOptions& options,
                                                        const std::stop_token& stop);
  ~MigrationLock();  // lets it go
  MigrationLock(const MigrationLock&) = delete;
  MigrationLock& operator=(const MigrationLock&) = delete;

  // Ok while nobody has taken over; kConflict when somebody has. Ask before each step.
  Result<void> check() const;

 private:
  MigrationLock(ClickHouse& engine, const MigrationLockOptions& options, std::string owner, std::string table);
  void keep_alive(const std::stop_token& stop) const;

  ClickHouse& engine_;
  const MigrationLockOptions options_;
  const std::string owner_;
  const std::string table_;
  Thread keeper_;
};

}  // namespace leat
