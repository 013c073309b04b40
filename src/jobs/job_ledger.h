// All jobs in a worker's hands: the lease keeper walks it, the settler strikes off what is settled.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "core/mutex.h"
#include "jobs/held_job.h"

namespace leat {

// Thread-safe. One lock per batch, none per job.
class JobLedger {
 public:
  // Takes deliveries in; the pointers stay valid until settled() was called for them.
  std::vector<HeldJob*> add(ServedQueue& served, Consumer& from, std::vector<Delivery> deliveries,
                            SteadyTime trusted_until);

  // The jobs are settled or lost: they may be gone when this returns.
  void settled(std::span<HeldJob* const> jobs);

  // Whether this delivery, of this queue's stream, is in hand and not settled.
  bool holds(const ServedQueue& served, std::uint64_t sequence, std::uint32_t delivery);

  // Calls `visit` for each job that is not settled. Nothing is removed meanwhile; `visit` must not call back in here.
  void for_each_unsettled(const std::function<void(HeldJob&)>& visit);

 private:
  Mutex mutex_;
  std::list<std::unique_ptr<HeldBatch>> batches_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
