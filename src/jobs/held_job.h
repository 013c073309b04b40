// A job in a worker's hands, from its delivery to its settlement.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "jobs/attempt_record.h"
#include "leat/broker.h"
#include "leat/job.h"

namespace leat {

// One subscription that the worker serves: a queue at a priority.
struct ServedQueue {
  Priority priority = Priority::kMedium;
  std::string queue;
  std::string stream;
  std::string stream_created;  // with stream and sequence it names a message for ever
  // The newest is the one to fetch from; an older one, whose subscription was deleted, settles what it has delivered.
  // Appended to by the fetcher alone.
  std::vector<std::unique_ptr<Consumer>> consumers;
  std::atomic<Consumer*> consumer{nullptr};
  // Nothing of it begins while this is true.
  std::shared_ptr<const std::atomic<bool>> paused = std::make_shared<std::atomic<bool>>(false);
};

struct HeldBatch;
class Desk;

struct HeldJob {
  Delivery delivery;
  HeldBatch* batch = nullptr;
  AttemptRecord record;  // empty for a first delivery
  // A renewal that is asked for after this steady time, and fails, loses it. Moved on by the lease keeper, and by a
  // handler that renews its lease itself.
  std::atomic<SteadyTime::rep> trusted_until{0};
  std::atomic<bool> lost{false};  // the lease is gone, or the job was given back: what its handler says counts no more
  // Its settlement is on its way: that the broker does not know the lease any more is no loss now.
  std::atomic<bool> settling{false};
  std::atomic<bool> settled{false};  // nothing is to be done for it any more

  // Where its handler was called; null before. The slot is the desk's own.
  std::atomic<Desk*> desk{nullptr};
  std::size_t slot = 0;

  const ServedQueue& served() const;
  Consumer& consumer() const;
};

// How long a lease is trusted after it began or was renewed. Renewals go out every third of it, whenever it began: two
// have failed, or one has waited for its answer all the time, before the lease is lost. At least a sixth of it is left
// then to stop the handler and to say that the attempt is interrupted, before another worker can have the job.
inline SteadyTime trusted_until(SteadyTime renewed, Duration ack_wait) {
  return renewed + ack_wait / 2;
}

inline SteadyTime lease_end(SteadyTime trusted, Duration ack_wait) {
  return trusted + ack_wait / 2;
}

// What one fetch returned. Lives until all its jobs are settled.
struct HeldBatch {
  HeldBatch(ServedQueue& queue, Consumer& consumer, std::size_t count)
      : served(queue), from(consumer), jobs(count), unsettled(count) {}

  ServedQueue& served;
  Consumer& from;
  std::vector<HeldJob> jobs;
  std::atomic<std::size_t> unsettled;
};

inline const ServedQueue& HeldJob::served() const {
  return batch->served;
}
inline Consumer& HeldJob::consumer() const {
  return batch->from;
}

// When a lease that has not been renewed is given up, although a renewal is on its way.
inline SteadyTime given_up_at(const HeldJob& job) {
  return SteadyTime(SteadyTime::duration(job.trusted_until.load())) + job.consumer().ack_wait() / 3;
}

// True when another worker may have the job for long, unless the broker says otherwise.
inline bool is_over(const HeldJob& job, SteadyTime now) {
  const SteadyTime trusted{SteadyTime::duration(job.trusted_until.load())};
  return now >= lease_end(trusted, job.consumer().ack_wait());
}

}  // namespace leat
