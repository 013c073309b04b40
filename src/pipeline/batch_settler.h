// Tells the broker what became of the messages of a batch, while the next one is processed.
//
// What is dead is kept as a dead letter first. A settlement that fails is tried again for as long as the leases hold.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/thread.h"
#include "pipeline/batch_lease_keeper.h"
#include "pipeline/dead_letter_store.h"
#include "pipeline/handover.h"

namespace leat {

// As BatchCounts, while it is counted.
struct BatchTally {
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> retried{0};
  std::atomic<std::uint64_t> dead{0};
  std::atomic<std::uint64_t> lost{0};
};

class BatchSettler {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    const BatchConsumerOptions& options;
    Consumer& consumer;
    BatchLeaseKeeper& leases;
    DeadLetterStore& dead_letters;
    Handover& processed;  // where batches come from; its end is the settler's
    BatchTally& tally;
    std::stop_token stop;  // what fails from then on is not tried again
  };

  explicit BatchSettler(Parts parts) : parts_(std::move(parts)) {}

  void start();
  void join();

 private:
  void settle(CollectedBatch& batch);
  void keep_dead(CollectedBatch& batch);
  void tell(const StoredMessage& message, const Ruling& ruling, const Result<void>& kept) const;
  std::vector<Settlement> settlements_of(const CollectedBatch& batch, const std::vector<bool>& lost);
  void send(std::vector<Settlement> settlements, SteadyTime leased_until);
  std::vector<Settlement> send_once(const std::vector<Settlement>& settlements, bool last_try);
  void count(const Settlement& settlement);

  Parts parts_;
  Thread thread_;
};

}  // namespace leat
