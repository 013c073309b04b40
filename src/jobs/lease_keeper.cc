#include "jobs/lease_keeper.h"

#include <algorithm>
#include <unordered_map>

namespace leat {

void LeaseKeeper::start() {
  thread_ = start_thread("lease-keeper", [this](const std::stop_token& stop) { run(stop); });
}

void LeaseKeeper::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

// One renewal may fail; with the second a lease is given up, a third of it before the broker gives the job away.
Duration LeaseKeeper::interval() const {
  Duration shortest = Duration::max();
  for (const auto& served : parts_.served) shortest = std::min(shortest, served->consumer.load()->ack_wait());
  if (parts_.served.empty()) return std::chrono::hours(1);  // a worker that only schedules
  return std::max<Duration>(shortest / 3, std::chrono::milliseconds(1));
}

void LeaseKeeper::run(const std::stop_token& stop) {
  while (sleep_for(parts_.clock, interval(), stop)) {
    std::unordered_map<Consumer*, std::vector<Lease>> leases;
    // A subscription without a job in hand may hold some ahead: it is asked too.
    for (const auto& served : parts_.served) leases[served->consumer.load()];
    parts_.ledger.for_each_unsettled([&](HeldJob& job) {
      if (!job.lost) leases[&job.consumer()].push_back(job.delivery.lease);
    });
    for (const auto& [consumer, held] : leases) renew(*consumer, held, consumer->ack_wait());
  }
}

void LeaseKeeper::renew(Consumer& consumer, const std::vector<Lease>& leases, Duration ack_wait) {
  const SteadyTime renewed_until = parts_.clock.steady() + ack_wait * 2 / 3;  // counted from before the request
  const auto extended = consumer.extend(leases);
  std::unordered_map<std::uint64_t, const Result<void>*> by_sequence;
  for (std::size_t i = 0; i < leases.size(); ++i) by_sequence.emplace(leases[i].sequence, &extended[i]);
  const SteadyTime now = parts_.clock.steady();
  // Jobs may have been settled meanwhile, so they are looked up again.
  parts_.ledger.for_each_unsettled([&](HeldJob& job) {
    if (&job.consumer() != &consumer || job.lost || job.settling) return;
    const auto found = by_sequence.find(job.delivery.lease.sequence);
    if (found == by_sequence.end()) return;
    if (*found->second) {
      job.leased_until = renewed_until.time_since_epoch().count();
    } else if (found->second->error().code() == ErrorCode::kLeaseLost ||
               now.time_since_epoch().count() >= job.leased_until) {
      lose(job, found->second->error());
    }
  });
}

void LeaseKeeper::lose(HeldJob& job, const Error& error) {
  job.lost = true;
  Desk* desk = job.desk;
  const bool running = desk != nullptr && desk->stop_job(job, StopReason::kLeaseLost);
  parts_.log.warn("lease lost: another worker may run the job", {{"subject", job.delivery.message.subject},
                                                                 {"sequence", job.delivery.message.sequence},
                                                                 {"running", running ? "yes" : "no"},
                                                                 {"error", error.message()}});
}

}  // namespace leat
