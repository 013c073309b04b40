// What was done to a database, in its table leat_migrations: a row for each step that began or ended, never changed.
#pragma once

#include <map>
#include <string>

#include "leat/clickhouse.h"

namespace leat {

struct MigrationRecord {
  std::uint64_t version = 0;
  std::string description;
  std::string checksum;
  enum class Step { kUpBegun, kApplied, kDownBegun, kReverted } step = Step::kReverted;
  SystemTime at{};

  bool half() const { return step == Step::kUpBegun || step == Step::kDownBegun; }
};

// Not thread-safe. The engine must outlive it.
class MigrationLog {
 public:
  MigrationLog(ClickHouse& engine, Clock& clock) : engine_(engine), clock_(clock) {}

  // The last record of each version, by version; makes the table when it is not there. kUnknown after `stop`.
  Result<std::map<std::uint64_t, MigrationRecord>> read(const std::stop_token& stop);
  // Durable when it returns. Records are put by who holds the lock, after read().
  Result<void> put(const MigrationRecord& record);

 private:
  ClickHouse& engine_;
  Clock& clock_;
  std::uint64_t next_ = 1;  // steps are numbered
};

}  // namespace leat
