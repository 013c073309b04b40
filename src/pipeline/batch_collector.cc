#include "pipeline/batch_collector.h"

#include <algorithm>
#include <utility>

#include "broker/config_checks.h"
#include "broker/message_size.h"

namespace leat {
namespace {

constexpr std::chrono::milliseconds kIdleFetch(5000);
constexpr Duration kRecoverPause = std::chrono::seconds(1);
constexpr std::size_t kFirstFetch = 64;  // before it is known how large messages are

}  // namespace

void BatchCollector::start() {
  thread_ = start_thread("collector", [this](const std::stop_token&) { run(); });
}

std::optional<Error> BatchCollector::join() {
  if (thread_.joinable()) thread_.join();
  return failed_;
}

std::unique_ptr<CollectedBatch> BatchCollector::leftover() {
  auto all = batch_ != nullptr ? std::move(batch_) : std::make_unique<CollectedBatch>();
  for (Delivery& delivery : std::exchange(spill_, {})) all->add(std::move(delivery));
  return all;
}

void BatchCollector::run() {
  while (collect() && parts_.full.give(batch_)) {
  }
  parts_.ending.request_stop();
  // Before anything is given back: it would come to this consumer again.
  parts_.consumer.release_ahead();
}

// False when it is to end; what is collected by then stays here.
bool BatchCollector::collect() {
  if (batch_ == nullptr) batch_ = std::make_unique<CollectedBatch>();
  fill_from_spill();
  SteadyTime over = SteadyTime::max();
  while (has_room()) {
    if (parts_.ending.stop_requested()) return false;
    if (!batch_->empty() && over == SteadyTime::max())
      over = deadline_after(parts_.clock, bounded_wait(parts_.options.max_wait));
    const Duration left = batch_->empty() ? Duration(kIdleFetch) : over - parts_.clock.steady();
    if (!batch_->empty() && left <= Duration{0}) return true;
    if (!fetch(left)) return false;
  }
  return !parts_.ending.stop_requested();
}

bool BatchCollector::has_room() const {
  return spill_.empty() && batch_->messages.size() < parts_.options.max_count &&
         batch_->bytes < parts_.options.max_bytes;
}

// How many of the messages that come are likely to fit into so many bytes.
std::size_t BatchCollector::likely_in(std::size_t bytes) const {
  if (average_bytes_ == 0) return kFirstFetch;
  const double count = static_cast<double>(bytes) / average_bytes_;
  return static_cast<std::size_t>(std::clamp(count, 1.0, static_cast<double>(parts_.options.max_count)));
}

// A quarter of a batch at a time, so that the broker leases no more than half a one ahead.
std::size_t BatchCollector::portion() const {
  const std::size_t batch = std::min(parts_.options.max_count, likely_in(parts_.options.max_bytes));
  return std::max<std::size_t>(1, batch / 4);
}

bool BatchCollector::fetch(Duration wait) {
  const std::size_t room =
      std::min(parts_.options.max_count - batch_->messages.size(), likely_in(parts_.options.max_bytes - batch_->bytes));
  const std::size_t most = portion();
  auto fetched = parts_.consumer.fetch({.max_count = std::min(room, most),
                                        .max_wait = std::chrono::ceil<std::chrono::milliseconds>(wait),
                                        .ahead = most},
                                       parts_.ending.get_token());
  if (!fetched) return recover(fetched.error());
  if (!fetched->empty()) take_in(std::move(*fetched));
  return true;
}

void BatchCollector::take_in(std::vector<Delivery> deliveries) {
  parts_.leases.add(deliveries);
  std::size_t bytes = 0;
  for (Delivery& delivery : deliveries) {
    bytes += size_of(delivery.message);
    spill_.push_back(std::move(delivery));
  }
  const double average = static_cast<double>(bytes) / static_cast<double>(deliveries.size());
  average_bytes_ = average_bytes_ == 0 ? average : average_bytes_ * 0.75 + average * 0.25;
  fill_from_spill();
}

void BatchCollector::fill_from_spill() {
  while (!spill_.empty() && batch_->messages.size() < parts_.options.max_count) {
    const std::size_t more = size_of(spill_.front().message);
    if (!batch_->empty() && batch_->bytes + more > parts_.options.max_bytes) return;
    batch_->add(std::move(spill_.front()));
    spill_.pop_front();
  }
}

// False when it cannot.
bool BatchCollector::recover(const Error& error) {
  const bool passes = error.code() == ErrorCode::kUnavailable;
  parts_.log.warn(
      passes ? "fetching failed; trying again" : "no message comes any more",
      {{"stream", parts_.options.stream}, {"subscription", parts_.options.name}, {"error", error.message()}});
  if (!passes) {
    failed_ = error;
    return false;
  }
  if (parts_.options.on_trouble) parts_.options.on_trouble(error);
  return sleep_for(parts_.clock, kRecoverPause, parts_.ending.get_token());
}

}  // namespace leat
