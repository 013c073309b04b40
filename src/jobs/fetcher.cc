#include "jobs/fetcher.h"

namespace leat {
namespace {

constexpr std::chrono::milliseconds kIdleWait(5000);
// How long a fetch that holds a reservation waits: a subscription that has more answers within a round trip.
constexpr std::chrono::milliseconds kReservedWait(50);
constexpr std::size_t kMostPerFetch = 1000;
// Between two fetches while handlers are fast: a moment's patience makes one batch of many, and saves the waking.
constexpr Duration kFastPause = std::chrono::microseconds(500);

}  // namespace

void Fetcher::start() {
  const std::string name = "fetch-" + std::string(to_string(parts_.served.priority));
  thread_ = start_thread(name, [this](const std::stop_token& stop) { run(stop); });
}

void Fetcher::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  if (Consumer* consumer = parts_.served.consumer) consumer->release_ahead();
}

void Fetcher::run(const std::stop_token& stop) {
  const std::string& queue = parts_.served.queue;
  while (!stop.stop_requested()) {
    // What waits below ends for a stop and for a pause.
    std::stop_source interrupted;
    const auto interrupt = [&interrupted] { interrupted.request_stop(); };
    const std::stop_callback on_stop(stop, interrupt);
    const std::stop_callback on_pause(parts_.pauses.pause_token(queue), interrupt);
    if (parts_.pauses.is_paused(queue)) {
      hold_back(stop);
      continue;
    }
    const FetchRoom room = parts_.ready.wait_for_room(parts_.lane, interrupted.get_token());
    if (room.ahead > 0) {
      sleep_for(real_clock(), fetched_at_ + kFastPause - real_clock().steady(), interrupted.get_token());
    }
    if (room.count > 0) fetch_into(room, interrupted.get_token());
    fetched_at_ = real_clock().steady();
  }
}

// The queue is paused: what has not begun goes back, and nothing more is taken until it goes on.
void Fetcher::hold_back(const std::stop_token& stop) {
  parts_.served.consumer.load()->release_ahead();
  parts_.settler.give_back(parts_.ready.take_out(parts_.lane));
  parts_.pauses.wait_until_resumed(parts_.served.queue, stop);
}

void Fetcher::fetch_into(const FetchRoom& room, const std::stop_token& stop) {
  const FetchOptions options{.max_count = std::min(room.count, kMostPerFetch),
                             .max_wait = room.reserved > 0 ? kReservedWait : kIdleWait,
                             .ahead = room.ahead};
  auto fetched = parts_.served.consumer.load()->fetch(options, stop);
  std::vector<HeldJob*> jobs;
  if (fetched && !fetched->empty()) jobs = hold(std::move(*fetched));
  parts_.settler.give_back(parts_.ready.put(parts_.lane, room, std::move(jobs)));
  if (!fetched) recover(fetched.error(), stop);
}

Result<std::vector<HeldJob*>> Fetcher::take_now(std::size_t count, std::chrono::milliseconds max_wait) {
  if (parts_.pauses.is_paused(parts_.served.queue)) return std::vector<HeldJob*>{};
  auto fetched = parts_.served.consumer.load()->fetch({.max_count = count, .max_wait = max_wait}, {});
  if (!fetched) return fetched.error();
  return hold(std::move(*fetched));
}

// Takes deliveries into the ledger, and looks up what has happened to those that were delivered before.
std::vector<HeldJob*> Fetcher::hold(std::vector<Delivery> deliveries) {
  Consumer& consumer = *parts_.served.consumer;
  const SteadyTime trusted = trusted_until(parts_.broker.clock().steady(), consumer.ack_wait());
  auto jobs = parts_.ledger.add(parts_.served, consumer, std::move(deliveries), trusted);
  std::vector<HeldJob*> again;
  for (HeldJob* job : jobs) {
    if (job->delivery.lease.delivery_count > 1 || job->delivery.count_is_unsure) again.push_back(job);
  }
  if (again.empty()) return jobs;
  const auto early = parts_.attempts.load(again);
  if (early.empty()) return jobs;
  std::erase_if(jobs, [&](HeldJob* job) { return std::find(early.begin(), early.end(), job) != early.end(); });
  parts_.settler.give_back_until_due(early);
  return jobs;
}

void Fetcher::recover(const Error& error, const std::stop_token& stop) {
  constexpr Duration kPause = std::chrono::seconds(1);
  parts_.log.warn("fetching failed",
                  {{"stream", parts_.served.stream}, {"queue", parts_.served.queue}, {"error", error.message()}});
  if (error.code() == ErrorCode::kNotFound) {
    auto opened = parts_.broker.open_consumer(parts_.subscription);
    if (opened) {
      parts_.served.consumers.push_back(std::move(*opened));
      parts_.served.consumer = parts_.served.consumers.back().get();
      parts_.log.warn("subscription was gone and is open again",
                      {{"stream", parts_.served.stream}, {"queue", parts_.served.queue}});
      return;
    }
  }
  sleep_for(parts_.broker.clock(), kPause, stop);
}

}  // namespace leat
