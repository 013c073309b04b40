// What all parts of an open SQLite broker share: the file, the clock, and the ways to write, read and wait.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "broker/sqlite/read_pool.h"
#include "broker/sqlite/wake.h"
#include "broker/sqlite/write_queue.h"
#include "leat/sqlite_broker.h"

namespace leat::sqlite {

constexpr std::size_t kMaxMessageBytes = 64 << 20;

// Thread-safe.
class Store {
 public:
  // Errors: as open_sqlite_broker().
  static Result<std::unique_ptr<Store>> open(const std::string& path, const SqliteOptions& options);

  Clock& clock() { return clock_; }
  Wake& wake() { return wake_; }
  ReadPool& reads() { return reads_; }

  // Waits until the write is committed (WriteQueue::run).
  Result<void> write(Durability durability, const Write& write) { return writes_.run(durability, write); }

  // Waits as Wake::wait() does, but until a time of the broker's clock.
  void wait(std::size_t topic, std::uint32_t seen, SteadyTime deadline, const std::stop_token& stop);

 private:
  Store(const std::string& path, const SqliteOptions& options, std::unique_ptr<Wake> wake,
        std::unique_ptr<Database> database);

  Clock& clock_;
  const std::unique_ptr<Wake> owned_wake_;
  Wake& wake_;
  ReadPool reads_;
  WriteQueue writes_;
};

}  // namespace leat::sqlite
