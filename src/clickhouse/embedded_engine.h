// ClickHouse's engine in this process.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "clickhouse/chdb_library.h"
#include "core/mutex.h"
#include "leat/clickhouse.h"

namespace leat {

class EmbeddedEngine : public ClickHouse {
 public:
  static Result<std::unique_ptr<ClickHouse>> open(const std::string& directory, const OpenClickHouseOptions& options);

  EmbeddedEngine(const ChdbLibrary& library, std::string directory)
      : library_(library), directory_(std::move(directory)) {}

  const ClickHouseFacts& facts() const override { return facts_; }
  Result<void> execute(std::string_view sql, const QueryOptions& options) override;
  Result<std::string> query(std::string_view sql, const QueryOptions& options) override;
  Result<InsertAnswer> insert(const InsertRequest& request, std::stop_token stop) override;
  Result<bool> is_running(std::string_view query_id) override;

  // The statement with the rows' file in it: what an INSERT ... FORMAT is to read. `sql` ends with its FORMAT.
  static std::string reading_from(const std::string& path, const std::string& sql, const ClickHouseSettings& settings);

 private:
  using Session = ChdbLibrary::Session;

  Result<void> ask_facts();
  Result<std::unique_ptr<Session>> take_session() LEAT_EXCLUDES(mutex_);
  void keep(std::unique_ptr<Session> session) LEAT_EXCLUDES(mutex_);
  // Runs one statement under its id. kUnavailable when one of the same id runs.
  Result<ChdbLibrary::Answer> run(std::string_view sql, const std::string& query_id,
                                  const ClickHouseSettings& settings);

  const ChdbLibrary& library_;
  const std::string directory_;
  ClickHouseFacts facts_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_ LEAT_GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> running_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
