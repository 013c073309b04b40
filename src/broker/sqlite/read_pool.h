// Connections for reading: in WAL mode they neither wait for writers nor hold them up.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/sqlite/database.h"
#include "core/mutex.h"
#include "leat/result.h"

namespace leat::sqlite {

// Thread-safe.
class ReadPool {
 public:
  ReadPool(std::string path, std::function<bool(int)> on_busy) : path_(std::move(path)), on_busy_(std::move(on_busy)) {}

  // Runs `body(database)` in one snapshot of the file. Errors: what it throws.
  template <class Body>
  auto read(Body body) -> Result<decltype(body(std::declval<Database&>()))> {
    try {
      auto database = take();
      auto result = in_snapshot(*database, body);
      put_back(std::move(database));
      return result;
    } catch (const Error& error) {
      return error;
    }
  }

 private:
  template <class Body>
  static auto in_snapshot(Database& database, Body& body) {
    const Snapshot snapshot(database);
    return body(database);
  }

  std::unique_ptr<Database> take();
  void put_back(std::unique_ptr<Database> database);

  const std::string path_;
  const std::function<bool(int)> on_busy_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Database>> idle_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat::sqlite
