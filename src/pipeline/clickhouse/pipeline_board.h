// What a pipeline tells of itself.
#pragma once

#include "core/mutex.h"
#include "leat/clickhouse_pipeline.h"

namespace leat {

// Thread-safe.
class PipelineBoard {
 public:
  PipelineCounts counts() const {
    MutexLock lock(mutex_);
    return counts_;
  }
  template <class Change>
  void change(Change apply) {
    MutexLock lock(mutex_);
    apply(counts_);
  }
  bool exactly_once() const {
    MutexLock lock(mutex_);
    return exactly_once_;
  }
  void set_exactly_once(bool value) {
    MutexLock lock(mutex_);
    exactly_once_ = value;
  }

 private:
  mutable Mutex mutex_;
  PipelineCounts counts_ LEAT_GUARDED_BY(mutex_);
  bool exactly_once_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat
