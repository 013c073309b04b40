#include "jobs/heartbeat.h"

#include "core/mutex.h"
#include "jobs/worker_record.h"

namespace leat {
namespace {

constexpr Duration kLook = std::chrono::seconds(1);
constexpr Duration kStateQuiet = std::chrono::seconds(3);

bool same_progress(const WorkerInfo& a, const WorkerInfo& b) {
  std::size_t at = 0;
  for (const WorkerInfo::Job& job : b.jobs) {
    if (job.progress == 0 && job.note.empty()) continue;
    while (at < a.jobs.size() && a.jobs[at].id != job.id) ++at;  // both are in the order in which they began
    if (at == a.jobs.size() || a.jobs[at].progress != job.progress || a.jobs[at].note != job.note) return false;
  }
  return true;
}

}  // namespace

void Heartbeat::begin() {
  write(parts_.look());
}

void Heartbeat::start() {
  write(parts_.look());
  thread_ = start_thread("heartbeat", [this](const std::stop_token& stop) { run(stop); });
}

void Heartbeat::run(const std::stop_token& stop) {
  while (sleep_for(parts_.clock, kLook, stop)) look_and_write();
}

void Heartbeat::look_and_write() {
  const WorkerInfo now = parts_.look();
  const Duration since = said_at_ == SteadyTime::min() ? kHeartbeat : parts_.clock.steady() - said_at_;
  if (since >= kHeartbeat || is_news(now, since)) write(now);
}

bool Heartbeat::is_news(const WorkerInfo& worker, Duration since) const {
  if (since >= kStateQuiet && (worker.state != said_.state || worker.leads != said_.leads)) return true;
  return !same_progress(said_, worker);
}

void Heartbeat::write(const WorkerInfo& worker) {
  said_ = worker;
  said_at_ = parts_.clock.steady();
  const auto written = workers_->put(parts_.id, to_json(worker));
  if (!written && !failing_) {
    parts_.log.warn("heartbeat could not be written: others may take this worker for gone",
                    {{"worker", worker.name}, {"error", written.error().message()}});
  }
  failing_ = !written;
}

void Heartbeat::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  if (said_at_ == SteadyTime::min()) return;
  if (const auto erased = workers_->erase(parts_.id); !erased) {
    parts_.log.warn("the worker's record stays until it is too old",
                    {{"worker", said_.name}, {"error", erased.error().message()}});
  }
  said_at_ = SteadyTime::min();
}

}  // namespace leat
