#include "jobs/job_ledger.h"

namespace leat {

std::vector<HeldJob*> JobLedger::add(ServedQueue& served, Consumer& from, std::vector<Delivery> deliveries,
                                     SteadyTime trusted_until) {
  auto batch = std::make_unique<HeldBatch>(served, from, deliveries.size());
  std::vector<HeldJob*> jobs;
  jobs.reserve(deliveries.size());
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    HeldJob& job = batch->jobs[i];
    job.delivery = std::move(deliveries[i]);
    job.batch = batch.get();
    job.trusted_until = trusted_until.time_since_epoch().count();
    jobs.push_back(&job);
  }
  MutexLock lock(mutex_);
  batches_.push_back(std::move(batch));
  return jobs;
}

void JobLedger::settled(std::span<HeldJob* const> jobs) {
  bool any_batch_done = false;
  for (HeldJob* job : jobs) {
    job->settled = true;
    if (job->batch->unsettled.fetch_sub(1) == 1) any_batch_done = true;
  }
  if (!any_batch_done) return;
  std::list<std::unique_ptr<HeldBatch>> done;  // freed outside the lock
  MutexLock lock(mutex_);
  for (auto batch = batches_.begin(); batch != batches_.end();) {
    const auto next = std::next(batch);
    if ((*batch)->unsettled == 0) done.splice(done.end(), batches_, batch);
    batch = next;
  }
}

bool JobLedger::holds(const ServedQueue& served, std::uint64_t sequence, std::uint32_t delivery) {
  bool found = false;
  for_each_unsettled([&](const HeldJob& job) {
    const Lease& lease = job.delivery.lease;
    found = found || (&job.served() == &served && lease.sequence == sequence && lease.delivery_count == delivery);
  });
  return found;
}

void JobLedger::for_each_unsettled(const std::function<void(HeldJob&)>& visit) {
  MutexLock lock(mutex_);
  for (const auto& batch : batches_) {
    for (HeldJob& job : batch->jobs) {
      if (!job.settled) visit(job);
    }
  }
}

}  // namespace leat
