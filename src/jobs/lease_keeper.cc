#include "jobs/lease_keeper.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace leat {

void LeaseKeeper::start() {
  thread_ = start_thread("lease-keeper", [this](const std::stop_token& stop) { run(stop); });
}

void LeaseKeeper::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Duration LeaseKeeper::interval() const {
  Duration shortest = Duration::max();
  for (const auto& served : parts_.served) shortest = std::min(shortest, served->consumer.load()->ack_wait());
  if (parts_.served.empty()) return std::chrono::hours(1);  // a worker that only schedules
  return std::max<Duration>(shortest / 3, std::chrono::milliseconds(1));
}

void LeaseKeeper::run(const std::stop_token& stop) {
  SteadyTime last = parts_.clock.steady();
  // A renewal that waited for its answer in vain does not put off the next one.
  while (sleep_for(parts_.clock, last + interval() - parts_.clock.steady(), stop)) {
    last = parts_.clock.steady();
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
  const SteadyTime asked = parts_.clock.steady();
  const auto extended = consumer.extend(leases);
  // A worker may have two deliveries of one message in hand: one of them lost, and not known to be.
  std::map<std::pair<std::uint64_t, std::uint32_t>, const Result<void>*> by_delivery;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    by_delivery.emplace(std::pair(leases[i].sequence, leases[i].delivery_count), &extended[i]);
  }
  // Too late to ask again, also if the broker only took long to fail.
  const SteadyTime::rep late = std::max(asked, parts_.clock.steady() - ack_wait / 3).time_since_epoch().count();
  // Jobs may have been settled meanwhile, so they are looked up again.
  parts_.ledger.for_each_unsettled([&](HeldJob& job) {
    if (&job.consumer() != &consumer || job.lost || job.settling) return;
    const auto found = by_delivery.find({job.delivery.lease.sequence, job.delivery.lease.delivery_count});
    if (found == by_delivery.end()) return;
    if (*found->second) {
      job.trusted_until = trusted_until(asked, ack_wait).time_since_epoch().count();
    } else if (found->second->error().code() == ErrorCode::kLeaseLost || late >= job.trusted_until) {
      lose(job, found->second->error());
    }
  });
}

void LeaseKeeper::lose(HeldJob& job, const Error& error) {
  job.lost = true;
  Desk* desk = job.desk;
  const bool running = desk != nullptr && desk->stop_job(job, StopReason::kLeaseLost);
  if (running) parts_.settler.forgo(job);
  parts_.log.warn("lease lost: another worker may run the job", {{"subject", job.delivery.message.subject},
                                                                 {"sequence", job.delivery.message.sequence},
                                                                 {"running", running ? "yes" : "no"},
                                                                 {"error", error.message()}});
}

}  // namespace leat
