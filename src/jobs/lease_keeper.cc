#include "jobs/lease_keeper.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace leat {
namespace {

Error gone() {
  return {ErrorCode::kLeaseLost, "the lease is lost: another worker may run the job"};
}

}  // namespace

void LeaseKeeper::start() {
  const SteadyTime now = parts_.clock.steady();
  renewing_ = start_thread("lease-keeper", [this, now](const std::stop_token& stop) { run(now, stop); });
  watching_ = start_thread("lease-watch", [this](const std::stop_token& stop) { watch_clock(stop); });
}

void LeaseKeeper::stop() {
  for (Thread* thread : {&renewing_, &watching_}) {
    thread->request_stop();
    if (thread->joinable()) thread->join();
  }
}

Duration LeaseKeeper::interval() const {
  Duration shortest = Duration::max();
  for (const auto& served : parts_.served) shortest = std::min(shortest, served->consumer.load()->ack_wait());
  if (parts_.served.empty()) return std::chrono::hours(1);  // a worker that only schedules
  return std::max<Duration>(shortest / 3, std::chrono::milliseconds(1));
}

void LeaseKeeper::run(SteadyTime last, const std::stop_token& stop) {
  // A renewal that waited for its answer in vain does not put off the next one.
  while (sleep_until(parts_.clock, last + interval(), stop)) {
    last = parts_.clock.steady();
    asking_since_ = last;
    renew_all();
    asking_since_ = kNotAsking;
  }
}

void LeaseKeeper::renew_all() {
  std::unordered_map<Consumer*, std::vector<Lease>> leases;
  // A subscription without a job in hand may hold some ahead: it is asked too.
  for (const auto& served : parts_.served) leases[served->consumer.load()];
  parts_.ledger.for_each_unsettled([&](HeldJob& job) {
    if (!job.lost) leases[&job.consumer()].push_back(job.delivery.lease);
  });
  for (const auto& [consumer, held] : leases) renew(*consumer, held, consumer->ack_wait());
}

void LeaseKeeper::watch_clock(const std::stop_token& stop) {
  while (sleep_until(parts_.clock, give_up_overdue(), stop)) {
  }
}

// Says when to look again. While nobody is asked, all is left to the renewal that comes next, which has a while for its
// answer also when it comes late: a program that stood still may find that it has kept its jobs.
SteadyTime LeaseKeeper::give_up_overdue() {
  const SteadyTime now = parts_.clock.steady();
  const SteadyTime since = asking_since_;
  SteadyTime next = now + interval() / 2;
  if (since == kNotAsking) return next;
  std::vector<Stopped> stopped;
  parts_.ledger.for_each_unsettled([&](HeldJob& job) {
    if (job.lost || job.settling) return;
    const bool asked_in_time = since < given_up_at(job);
    const SteadyTime due = asked_in_time ? given_up_at(job) : since + job.consumer().ack_wait() / 6;
    if (due <= now) {
      lose(job, {ErrorCode::kUnavailable, "the broker did not answer in time"}, stopped);
    } else {
      next = std::min(next, due);
    }
  });
  stop_handlers(stopped);
  return next;
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
  std::vector<Stopped> stopped;
  // Jobs may have been settled meanwhile, so they are looked up again.
  parts_.ledger.for_each_unsettled([&](HeldJob& job) {
    if (&job.consumer() != &consumer || job.lost || job.settling) return;
    const auto found = by_delivery.find({job.delivery.lease.sequence, job.delivery.lease.delivery_count});
    if (found == by_delivery.end()) return;
    if (*found->second && !was_held(job)) {
      lose(job, gone(), stopped);
    } else if (*found->second) {
      job.trusted_until = trusted_until(asked, ack_wait).time_since_epoch().count();
    } else if (found->second->error().code() == ErrorCode::kLeaseLost || late >= job.trusted_until) {
      lose(job, found->second->error(), stopped);
    }
  });
  stop_handlers(stopped);
}

// Whether a renewal that the broker took is worth something: not every broker refuses what another worker has by now.
bool LeaseKeeper::was_held(const HeldJob& job) const {
  return parts_.fenced || !is_over(job, parts_.clock.steady());
}

Result<void> LeaseKeeper::renew_now(const HeldJob& job) {
  if (job.lost) return gone();
  const Lease lease = job.delivery.lease;
  Consumer& consumer = job.consumer();
  const SteadyTime asked = parts_.clock.steady();
  const auto extended = consumer.extend({&lease, 1}).front();
  // It may have been ended and settled meanwhile, so it is looked up again.
  Result<void> answer = gone();
  std::vector<Stopped> stopped;
  parts_.ledger.for_each_unsettled([&](HeldJob& held) {
    if (&held != &job || held.delivery.lease.token != lease.token || held.lost) return;
    const bool refused = !extended && extended.error().code() == ErrorCode::kLeaseLost;
    if (refused || !was_held(held)) return lose(held, refused ? extended.error() : gone(), stopped);
    if (extended) held.trusted_until = trusted_until(asked, consumer.ack_wait()).time_since_epoch().count();
    answer = extended;
  });
  stop_handlers(stopped);
  return answer;
}

void LeaseKeeper::lose(HeldJob& job, const Error& error, std::vector<Stopped>& stopped) {
  if (job.lost.exchange(true)) return;
  Desk* desk = job.desk;
  const auto run = desk != nullptr ? desk->find_run(job) : std::nullopt;
  if (run) parts_.settler.forgo(job);
  parts_.log.warn("lease lost: another worker may run the job", {{"job_id", parts_.names.id_text(job.delivery.message)},
                                                                 {"subject", job.delivery.message.subject},
                                                                 {"sequence", job.delivery.message.sequence},
                                                                 {"running", run ? "yes" : "no"},
                                                                 {"error", error.message()}});
  if (run) stopped.push_back({desk, *run});
}

void LeaseKeeper::stop_handlers(const std::vector<Stopped>& stopped) {
  for (const Stopped& handler : stopped) handler.desk->stop_run(handler.run, StopReason::kLeaseLost);
}

}  // namespace leat
