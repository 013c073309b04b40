// Group commit: whatever waits to be written goes into one transaction and costs one fsync.
//
// Callers queue up. The first one leads: it takes all that wait, runs them in one transaction, commits, and hands the
// lead to one who came meanwhile. There is no writer thread.
#pragma once

#include <atomic>
#include <bitset>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/sqlite/catalog.h"
#include "broker/sqlite/database.h"
#include "broker/sqlite/wake.h"
#include "core/mutex.h"
#include "leat/sqlite_broker.h"

namespace leat::sqlite {

enum class Durability {
  kCommitted,  // as SqliteOptions::sync says
  kProcess,    // survives the process; a power cut may undo it, and ends every process that relied on it
};

// What a write sees of the transaction it runs in.
class Transaction {
 public:
  Transaction(Database& at, Catalog& known) : database(at), catalog(known) {}

  // Wakes the topic's waiters after the commit.
  void wake(std::size_t topic) { topics_.set(topic); }

  Database& database;
  Catalog& catalog;

 private:
  friend class WriteQueue;

  std::bitset<Wake::kTopics> topics_;
};

// Runs in a transaction, perhaps more than once: after a rollback it begins from scratch. Throws a plain Error to fail
// alone, before it has written anything; a DatabaseError fails the transaction.
using Write = std::function<void(Transaction&)>;

// Thread-safe. `wake` must outlive it.
class WriteQueue {
 public:
  WriteQueue(std::unique_ptr<Database> database, Wake& wake, SqliteOptions::Sync sync);

  // Waits until the write is committed. Errors: what the write threw, kFull, kUnavailable: then it left no trace.
  Result<void> run(Durability durability, const Write& write);

  // How many wait for the next transaction.
  std::size_t waiting();

 private:
  enum State : std::uint32_t { kWaiting, kLeads, kDone };
  struct Request {
    const Write* write = nullptr;
    Durability durability = Durability::kCommitted;
    std::optional<Error> error{};
    std::atomic<std::uint32_t> state{kWaiting};
  };
  using Group = std::vector<Request*>;

  bool enqueue(Request& request);
  void wait_for_turn(Request& request);
  void lead();
  void commit_each_alone(const Group& group);
  std::optional<Error> try_commit(const Group& group);
  void begin(const Group& group);
  void run_one(Request& request, Transaction& transaction);
  void roll_back();
  void hand_over(const Group& group);
  void set_durability(Durability durability);

  Wake& wake_;
  const SqliteOptions::Sync sync_;

  // The leader's alone; the lead is passed on under the mutex.
  std::unique_ptr<Database> database_;
  Catalog catalog_;
  Durability durability_ = Durability::kCommitted;
  std::int64_t data_version_ = -1;

  Mutex mutex_;
  Group waiting_ LEAT_GUARDED_BY(mutex_);
  bool led_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat::sqlite
