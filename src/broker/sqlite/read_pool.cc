#include "broker/sqlite/read_pool.h"

namespace leat::sqlite {
namespace {

constexpr std::size_t kMostIdle = 4;  // each keeps a page cache

}  // namespace

std::unique_ptr<Database> ReadPool::take() {
  {
    MutexLock lock(mutex_);
    if (!idle_.empty()) {
      auto database = std::move(idle_.back());
      idle_.pop_back();
      return database;
    }
  }
  auto database = std::make_unique<Database>(path_, Database::Mode::kExisting, on_busy_);
  database->execute("PRAGMA cache_size = -1000; PRAGMA query_only = 1");
  return database;
}

void ReadPool::put_back(std::unique_ptr<Database> database) {
  MutexLock lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(database));
}

}  // namespace leat::sqlite
