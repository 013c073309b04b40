// Wakes those who wait for a change, in this and in other processes, without polling.
//
// A small file beside the database is mapped by every process that has it open. It holds futex words: whoever changes a
// stream or a bucket bumps its word after the commit, and whoever waits sleeps in the kernel on that word.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat::sqlite {

// Thread-safe.
class Wake {
 public:
  static constexpr std::size_t kTopics = 64;

  Wake() = default;
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // Maps the file beside the database, and creates it when it is missing: for everybody who may write the database.
  // Once, before anything else but wait_for_release().
  Result<void> open(const std::string& database);

  // What a stream's or a bucket's changes are known by. Several may share one: a wake-up is a hint.
  static std::size_t topic_of(std::string_view kind, std::string_view name);

  // Read it before looking at the data, and hand it to wait().
  std::uint32_t version(std::size_t topic) const;
  void bump(std::size_t topic);

  // Waits until the topic's version is another than `seen`, the machine's clock reaches `deadline` or `stop` is
  // requested. Wakes without a reason too.
  void wait(std::size_t topic, std::uint32_t seen, SteadyTime deadline, const std::stop_token& stop);

  // Turns at the write lock, so that a busy process leaves room for the others.

  // Called by a process that found the lock taken: waits until it is released, a millisecond at most. Without an open
  // file nothing tells of the release: then it is the millisecond.
  void wait_for_release();
  // Called after a commit or a rollback.
  void release();
  // Called before taking the lock: when another process was waiting at the last release, lets it go first.
  void yield_turn();
  // Called when the lock is taken.
  void take_turn();

 private:
  struct alignas(64) Topic {
    std::atomic<std::uint32_t> version;
    std::atomic<std::uint32_t> waiters;
  };
  struct alignas(64) Turns {
    std::atomic<std::int64_t>
        contended_at;  // machine's steady clock, when somebody last waited; stale once its process died
    std::atomic<std::uint32_t> released;
    std::atomic<std::uint32_t> taken;
  };
  struct Shared {
    Topic topics[kTopics];
    Turns turns;
  };

  bool is_contended() const;

  Shared* shared_ = nullptr;
  bool must_yield_ = false;       // the holder's alone
  std::uint32_t taken_seen_ = 0;  // the holder's alone
};

// Waits while `word` holds `seen`, until `deadline` of the machine's clock; wakes without a reason too.
enum class FutexScope { kProcess, kShared };
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, SteadyTime deadline, FutexScope scope);
void futex_wake(std::atomic<std::uint32_t>& word, int count, FutexScope scope);

}  // namespace leat::sqlite
