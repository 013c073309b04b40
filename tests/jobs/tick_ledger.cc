#include "tests/jobs/tick_ledger.h"

#include "core/text.h"
#include "jobs/due_time.h"
#include "jobs/names.h"

namespace leat::test {
namespace {

void note(Ticks& ticks, const StoredMessage& job) {
  const auto due = due_time(job);
  if (due) ticks[{std::string(job.headers.get(wire::kSchedule).value_or("")), *due}].insert(job.sequence);
}

}  // namespace

Ticks ticks_in(Broker& broker, const std::string& queue) {
  const Names names({.name = "leat"});
  auto reader = broker
                    .open_reader({.stream = names.stream(Priority::kMedium),
                                  .filter = names.queue_filter(Priority::kMedium, queue),
                                  .headers_only = true})
                    .value();
  Ticks ticks;
  while (true) {
    const auto jobs = reader->read({.max_count = 1000}, {}).value();
    if (jobs.empty()) return ticks;
    for (const StoredMessage& job : jobs) note(ticks, job);
  }
}

TickFaults check_each_once(const Ticks& ticks, const std::vector<std::string>& schedules, SystemTime first,
                           SystemTime last) {
  constexpr std::size_t kExamples = 10;
  TickFaults faults;
  const auto complain = [&](const std::string& schedule, SystemTime tick, const std::string& what) {
    if (faults.missing + faults.doubled > kExamples) return;
    faults.examples += schedule + " at " + to_rfc3339(tick) + " " + what + "\n";
  };
  for (const auto& [tick, sequences] : ticks) {
    ++faults.ticks;
    if (sequences.size() == 1) continue;
    ++faults.doubled;
    complain(tick.first, tick.second, "is there " + std::to_string(sequences.size()) + " times");
  }
  for (const std::string& schedule : schedules) {
    for (SystemTime tick = first; tick <= last; tick += 1s) {
      if (ticks.contains({schedule, tick})) continue;
      ++faults.missing;
      complain(schedule, tick, "is not there");
    }
  }
  return faults;
}

TickTaker::TickTaker(Broker& broker, const std::string& queue)
    : consumer_(broker
                    .open_consumer({.stream = Names({.name = "leat"}).stream(Priority::kMedium),
                                    .name = queue,
                                    .filter = Names({.name = "leat"}).queue_filter(Priority::kMedium, queue),
                                    .ack_wait = 5s})
                    .value()) {}

void TickTaker::start() {
  thread_ = start_thread("tick-taker", [this](const std::stop_token& stop) { run(stop); });
}

void TickTaker::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Ticks TickTaker::ticks() const {
  MutexLock lock(mutex_);
  return ticks_;
}

std::size_t TickTaker::count() const {
  MutexLock lock(mutex_);
  return ticks_.size();
}

void TickTaker::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto fetched = consumer_->fetch({.max_count = 500, .max_wait = 200ms}, stop);
    if (fetched) {
      take(*fetched);
    } else {
      leat::sleep_for(real_clock(), 20ms, stop);
    }
  }
}

// What could not be settled comes again, as the same message.
void TickTaker::take(const std::vector<Delivery>& deliveries) {
  if (deliveries.empty()) return;
  std::vector<Settlement> settlements;
  {
    MutexLock lock(mutex_);
    for (const Delivery& delivery : deliveries) {
      note(ticks_, delivery.message);
      settlements.push_back({.lease = delivery.lease, .confirm = true});
    }
  }
  for (const auto& settled : consumer_->settle(settlements)) static_cast<void>(settled.has_value());
}

}  // namespace leat::test
