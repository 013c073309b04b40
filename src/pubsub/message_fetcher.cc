#include "pubsub/message_fetcher.h"

namespace leat {

void MessageFetcher::start() {
  thread_ = start_thread("subscriber", [this](const std::stop_token&) { run(); });
}

void MessageFetcher::join() {
  if (thread_.joinable()) thread_.join();
}

void MessageFetcher::run() {
  constexpr std::chrono::milliseconds kIdleWait(5000);
  Consumer& consumer = *parts_.source.consumer;
  while (const std::size_t room = parts_.buffer.wait_for_room(parts_.source.number, parts_.stop)) {
    auto fetched = consumer.fetch({.max_count = room, .max_wait = kIdleWait, .ahead = parts_.ahead}, parts_.stop);
    if (!fetched) {
      if (!recover(fetched.error())) break;
    } else if (!fetched->empty()) {
      parts_.take_in(std::move(*fetched));
    }
  }
  consumer.release_ahead();
  parts_.over();
}

// False when it cannot.
bool MessageFetcher::recover(const Error& error) {
  constexpr Duration kPause = std::chrono::seconds(1);
  const bool passes = error.code() == ErrorCode::kUnavailable;
  parts_.log.warn(
      passes ? "fetching failed; trying again" : "no message comes any more",
      {{"stream", parts_.options.stream}, {"subscription", parts_.source.name}, {"error", error.message()}});
  if (!passes) {
    parts_.fail(error);
    return false;
  }
  if (parts_.options.on_trouble) parts_.options.on_trouble(error);
  return sleep_for(parts_.clock, kPause, parts_.stop);
}

}  // namespace leat
