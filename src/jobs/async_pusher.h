// Stores jobs from a thread of its own: whatever came in while the last batch was stored is the next batch.
#pragma once

#include <functional>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "jobs/enqueuer.h"

namespace leat {

// Thread-safe. The enqueuer must outlive it. The destructor returns when every job has its answer.
class AsyncPusher {
 public:
  using Done = std::function<void(Result<JobId>)>;

  explicit AsyncPusher(Enqueuer& enqueuer) : enqueuer_(enqueuer) {}
  ~AsyncPusher();

  // Returns at once, but waits while kMostWaiting jobs wait. `done` is called once, on this object's thread.
  void push(PushOrder order, Done done) LEAT_EXCLUDES(mutex_);

  static constexpr std::size_t kMostWaiting = 100'000;

 private:
  void run(const std::stop_token& stop);
  bool take(std::vector<PushOrder>& orders, std::vector<Done>& callbacks, const std::stop_token& stop)
      LEAT_EXCLUDES(mutex_);

  Enqueuer& enqueuer_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<PushOrder> orders_ LEAT_GUARDED_BY(mutex_);
  std::vector<Done> callbacks_ LEAT_GUARDED_BY(mutex_);
  Thread thread_ LEAT_GUARDED_BY(mutex_);  // begins with the first push
};

}  // namespace leat
