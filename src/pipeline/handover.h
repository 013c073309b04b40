// Passes batches from one thread to the next without a queue between them: so it is known how many there are at most.
#pragma once

#include <memory>

#include "core/mutex.h"
#include "pipeline/collected_batch.h"

namespace leat {

// Thread-safe; one giver, one taker.
class Handover {
 public:
  // Waits until the other side has taken it. After close() it is not taken, and still here: false.
  bool give(std::unique_ptr<CollectedBatch>& batch) {
    MutexLock lock(mutex_);
    if (closed_) return false;
    offered_ = std::move(batch);
    changed_.notify_all();
    changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return offered_ == nullptr || closed_; });
    batch = std::move(offered_);
    return batch == nullptr;
  }

  // Waits for one; null after close().
  std::unique_ptr<CollectedBatch> take() {
    MutexLock lock(mutex_);
    changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return offered_ != nullptr || closed_; });
    if (closed_) return nullptr;
    changed_.notify_all();
    return std::move(offered_);
  }

  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::unique_ptr<CollectedBatch> offered_ LEAT_GUARDED_BY(mutex_);
  bool closed_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat
