#include "broker/sqlite/write_queue.h"

#include <algorithm>
#include <utility>

namespace leat::sqlite {

WriteQueue::WriteQueue(std::unique_ptr<Database> database, Wake& wake, SqliteOptions::Sync sync)
    : wake_(wake), sync_(sync), database_(std::move(database)), catalog_(*database_) {}

Result<void> WriteQueue::run(Durability durability, const Write& write) {
  Request request{.write = &write, .durability = durability};
  if (!enqueue(request)) wait_for_turn(request);
  if (request.state.load(std::memory_order_acquire) != kDone) lead();
  if (request.error) return *std::move(request.error);
  return {};
}

std::size_t WriteQueue::waiting() {
  MutexLock lock(mutex_);
  return waiting_.size();
}

// True when the caller leads at once.
bool WriteQueue::enqueue(Request& request) {
  MutexLock lock(mutex_);
  waiting_.push_back(&request);
  return !std::exchange(led_, true);
}

void WriteQueue::wait_for_turn(Request& request) {
  while (request.state.load(std::memory_order_acquire) == kWaiting) {
    futex_wait(request.state, kWaiting, SteadyTime::max(), FutexScope::kProcess);
  }
}

void WriteQueue::lead() {
  Group group;
  {
    MutexLock lock(mutex_);
    group.swap(waiting_);
  }
  if (auto error = try_commit(group)) {
    const bool nobody_can_write = error->code() == ErrorCode::kUnavailable;
    if (group.size() == 1 || nobody_can_write) {
      for (Request* request : group) request->error = error;
    } else {
      commit_each_alone(group);
    }
  }
  hand_over(group);
}

// One of them was too much (a full disk, say): the others need not suffer.
void WriteQueue::commit_each_alone(const Group& group) {
  for (Request* request : group) {
    request->error.reset();
    if (auto error = try_commit({request})) request->error = std::move(error);
  }
}

std::optional<Error> WriteQueue::try_commit(const Group& group) {
  Transaction transaction(*database_, catalog_);
  try {
    begin(group);
    for (Request* request : group) run_one(*request, transaction);
    catalog_.write_back();
    database_->statement("COMMIT").run();
  } catch (const DatabaseError& error) {
    roll_back();
    return error;
  }
  wake_.release();
  for (std::size_t topic = 0; topic < Wake::kTopics; ++topic) {
    if (transaction.topics_.test(topic)) wake_.bump(topic);
  }
  return std::nullopt;
}

void WriteQueue::begin(const Group& group) {
  const bool commits = std::any_of(
      group.begin(), group.end(), [](const Request* request) { return request->durability == Durability::kCommitted; });
  set_durability(commits ? Durability::kCommitted : Durability::kProcess);
  wake_.yield_turn();
  database_->statement("BEGIN IMMEDIATE").run();
  wake_.take_turn();
  const std::int64_t version = database_->read_integer("PRAGMA data_version");
  if (std::exchange(data_version_, version) != version) catalog_.forget_all();
}

void WriteQueue::run_one(Request& request, Transaction& transaction) {
  try {
    (*request.write)(transaction);
  } catch (const DatabaseError&) {
    throw;
  } catch (const Error& error) {
    request.error = error;
  }
}

void WriteQueue::roll_back() {
  catalog_.forget_all();
  try {
    if (database_->in_transaction()) database_->execute("ROLLBACK");
  } catch (const DatabaseError&) {
    // The next BEGIN reports what is wrong with the connection.
  }
  wake_.release();
}

// The next leader goes first, so that it works while the others wake up.
void WriteQueue::hand_over(const Group& group) {
  Request* next = nullptr;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty()) {
      led_ = false;
    } else {
      next = waiting_.front();
    }
  }
  const auto set_state = [](Request& request, State state) {
    // The request may be gone once its owner sees the state: only its address is used from there on.
    request.state.store(state, std::memory_order_release);
    futex_wake(request.state, 1, FutexScope::kProcess);
  };
  if (next != nullptr) set_state(*next, kLeads);
  for (Request* request : group) set_state(*request, kDone);
}

void WriteQueue::set_durability(Durability durability) {
  if (sync_ == SqliteOptions::Sync::kNormal || durability == durability_) return;
  database_->execute(durability == Durability::kCommitted ? "PRAGMA synchronous = FULL"
                                                          : "PRAGMA synchronous = NORMAL");
  durability_ = durability;
}

}  // namespace leat::sqlite
