// The jobs between the fetchers and the handlers: how many to hold, and which comes next.
//
// Prefetch adapts: it holds what the handlers will finish in about 20 ms, at least one job per handler thread and at
// most 1000. While handlers are slow, fetchers reserve room before they fetch, so that the worker never hoards what
// another could run; a surplus that comes all the same (three subscriptions answering at once) is handed back to be
// given back.
#pragma once

#include <cstddef>
#include <deque>
#include <stop_token>
#include <vector>

#include "core/mutex.h"
#include "jobs/held_job.h"
#include "leat/worker.h"

namespace leat {

// Room that a fetcher may fill.
struct FetchRoom {
  std::size_t count = 0;     // 0: stopped
  std::size_t ahead = 0;     // what it may lease ahead
  std::size_t reserved = 0;  // to be handed back to put()
};

// Thread-safe.
class ReadyQueue {
 public:
  // One lane per subscription, in the order of `priorities`.
  ReadyQueue(const std::vector<Priority>& priorities, std::size_t threads, WorkerOptions::Order order);

  // For fetchers: waits until there is room for jobs of this lane.
  FetchRoom wait_for_room(std::size_t lane, const std::stop_token& stop);
  // Takes in what was fetched (perhaps nothing) for that room; returns what is too much, lowest priority first.
  std::vector<HeldJob*> put(std::size_t lane, const FetchRoom& room, std::vector<HeldJob*> jobs);

  // For handlers: waits for jobs and takes a few; nothing when closed or stopped.
  void take(std::vector<HeldJob*>& into, const std::stop_token& stop);
  // A handler ran `count` jobs in `spent`. Returns what is too much if handlers turn out to be slow.
  std::vector<HeldJob*> report(Duration spent, std::size_t count);

  // Everything that waits in this lane.
  std::vector<HeldJob*> take_out(std::size_t lane);

  // Lets nothing in any more and returns what was waiting.
  std::vector<HeldJob*> close();

  std::size_t waiting() const;

 private:
  struct Lane {
    int weight = 1;
    std::size_t rank = 0;  // 0 for high
    int credit = 0;        // of the smooth weighted round robin among waiting jobs
    int room_credit = 0;   // and among waiting fetchers
    bool idle = true;      // its last fetch found nothing: it may wait without a reservation
    bool wants_room = false;
    std::deque<HeldJob*> jobs{};
  };

  bool slow() const LEAT_REQUIRES(mutex_) { return capacity_ <= 2 * threads_; }
  std::size_t held() const LEAT_REQUIRES(mutex_) { return waiting_ + reserved_; }
  // Slow handlers: all lanes share the capacity. Fast ones: each lane has it, refilled at half, so that none keeps
  // another out.
  bool has_room(const Lane& lane) const LEAT_REQUIRES(mutex_) {
    return slow() ? held() < capacity_ : lane.jobs.size() * 2 <= capacity_;
  }
  bool is_next_for_room(const Lane& lane) const LEAT_REQUIRES(mutex_);
  FetchRoom reserve_in_turn(Lane& lane) LEAT_REQUIRES(mutex_);
  HeldJob* pop_next() LEAT_REQUIRES(mutex_);
  std::size_t take_limit() const LEAT_REQUIRES(mutex_);
  std::vector<HeldJob*> cut_surplus() LEAT_REQUIRES(mutex_);

  const std::size_t threads_;
  const WorkerOptions::Order order_;

  mutable Mutex mutex_;
  CondVar room_;
  CondVar jobs_;
  std::vector<Lane> lanes_ LEAT_GUARDED_BY(mutex_);
  std::size_t waiting_ LEAT_GUARDED_BY(mutex_) = 0;   // in the lanes
  std::size_t reserved_ LEAT_GUARDED_BY(mutex_) = 0;  // by fetchers on their way
  std::size_t capacity_ LEAT_GUARDED_BY(mutex_);
  std::size_t room_waiters_ LEAT_GUARDED_BY(mutex_) = 0;
  Duration::rep mean_ LEAT_GUARDED_BY(mutex_) = 0;  // of a handler call, in ns; 0: not known yet
  bool closed_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat
