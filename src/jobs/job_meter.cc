#include "jobs/job_meter.h"

#include "jobs/names.h"

namespace leat {
namespace {

std::string_view kind_of(const HeldJob& job) {
  return job.delivery.message.headers.get(wire::kKind).value_or("");
}

Labels labels(std::string_view queue, std::string_view kind) {
  return {{"queue", std::string(queue)}, {"kind", std::string(kind)}};
}

}  // namespace

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::kDone: return "done";
    case Fate::kRetried: return "retried";
    case Fate::kDead: return "dead";
    case Fate::kCancelled: return "cancelled";
    case Fate::kSnoozed: return "snoozed";
    case Fate::kInterrupted: return "interrupted";
    case Fate::kUnstarted: return "unstarted";
  }
  return "";
}

void JobMeter::enqueued(std::string_view queue, std::string_view kind) const {
  if (metrics_ == nullptr) return;
  metrics_->counter("leat_jobs_enqueued_total", "Jobs that this program has stored", labels(queue, kind)).add();
}

JobMeter::Row JobMeter::make_row(const std::string& queue, std::string_view kind) const {
  Labels what = labels(queue, kind);
  Row row{.started = &metrics_->counter("leat_jobs_started_total", "Handler calls", what),
          .stuck = &metrics_->counter("leat_jobs_stuck_total",
                                      "Reports of handlers that went on after their stop token had fired", what),
          .seconds = &metrics_->histogram("leat_job_seconds", "From a handler's call to its end", what),
          .wait = &metrics_->histogram("leat_job_wait_seconds", "From enqueueing to the first handler call", what)};
  what.emplace_back("how", "");
  for (std::size_t fate = 0; fate < kFates; ++fate) {
    if (static_cast<Fate>(fate) == Fate::kUnstarted) continue;
    what.back().second = to_string(static_cast<Fate>(fate));
    row.ended.at(fate) = &metrics_->counter("leat_jobs_ended_total", "How jobs left their worker", what);
  }
  return row;
}

JobMeter::Row& JobMeter::row(const HeldJob& job, std::string_view kind) {
  const std::string& queue = job.served().queue;
  RowsByKind& rows = rows_[queue];
  if (const auto known = rows.find(kind); known != rows.end()) return known->second;
  return rows.emplace(kind, make_row(queue, kind)).first->second;
}

void JobMeter::started(const HeldJob& job, std::optional<Duration> waited) {
  if (metrics_ == nullptr) return;
  MutexLock lock(mutex_);
  const Row& counted = row(job, kind_of(job));
  counted.started->add();
  if (waited) counted.wait->observe(*waited);
}

void JobMeter::ran(const HeldJob& job, Duration took) {
  if (metrics_ == nullptr) return;
  MutexLock lock(mutex_);
  row(job, kind_of(job)).seconds->observe(took);
}

void JobMeter::ended(const HeldJob& job, bool is_known, Fate fate) {
  if (metrics_ == nullptr || fate == Fate::kUnstarted) return;
  MutexLock lock(mutex_);
  row(job, is_known ? kind_of(job) : "(unknown)").ended.at(static_cast<std::size_t>(fate))->add();
}

void JobMeter::stuck(const HeldJob& job) {
  if (metrics_ == nullptr) return;
  MutexLock lock(mutex_);
  row(job, kind_of(job)).stuck->add();
}

}  // namespace leat
