// Brings messages from the broker and cuts them into batches: by count, by bytes, or by time.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "core/thread.h"
#include "pipeline/batch_lease_keeper.h"
#include "pipeline/handover.h"

namespace leat {

class BatchCollector {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    const BatchConsumerOptions& options;
    Consumer& consumer;
    BatchLeaseKeeper& leases;
    Handover& full;           // where batches go
    std::stop_source ending;  // ends it; requested by itself when no message comes any more
  };

  explicit BatchCollector(Parts parts) : parts_(std::move(parts)) {}

  void start();
  // Waits until it has ended: because of Parts::ending, or an error, which this returns. Nothing is leased ahead any
  // more.
  std::optional<Error> join();
  // After join(): what was collected and not handed on.
  std::unique_ptr<CollectedBatch> leftover();

 private:
  void run();
  bool collect();
  bool has_room() const;
  std::size_t likely_in(std::size_t bytes) const;
  std::size_t portion() const;
  bool fetch(Duration wait);
  void take_in(std::vector<Delivery> deliveries);
  void fill_from_spill();
  bool recover(const Error& error);

  Parts parts_;
  // Of the thread.
  std::unique_ptr<CollectedBatch> batch_;
  std::deque<Delivery> spill_;  // came with the last fetch, and had no room in the batch
  std::optional<Error> failed_;
  double average_bytes_ = 0;  // of a message, of late; 0: not known yet
  Thread thread_;
};

}  // namespace leat
