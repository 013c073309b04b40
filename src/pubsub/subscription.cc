#include "pubsub/subscription.h"

#include <algorithm>

#include "broker/config_checks.h"
#include "broker/drift_report.h"
#include "core/invalid_argument.h"
#include "core/spread.h"
#include "core/thrown.h"
#include "pubsub/subscription_name.h"

namespace leat {
namespace {

constexpr std::size_t kMostRoom = 10'000;

// Half of the buffer is here, the other half is leased ahead, so that there is always a request at the broker.
std::size_t room_here(const SubscriberOptions& options) {
  const std::size_t each = options.buffer / std::max<std::size_t>(options.filters.size(), 1);
  return std::max<std::size_t>(1, (each + 1) / 2);
}
std::size_t room_ahead(const SubscriberOptions& options) {
  const std::size_t each = options.buffer / std::max<std::size_t>(options.filters.size(), 1);
  return each - std::min(each, room_here(options));
}

Result<void> check(const SubscriberOptions& options) {
  if (options.filters.empty()) return invalid_argument("a subscriber has one filter or more");
  if (options.buffer < 1 || options.buffer > kMostRoom) return invalid_argument("buffer is 1 to 10,000");
  if (options.backoff) {
    if (auto checked = options.backoff->check(); !checked) return checked;
  }
  for (std::size_t i = 0; i < options.filters.size(); ++i) {
    if (auto valid = check_filter(options.filters[i]); !valid) return valid;
    for (std::size_t k = 0; k < i; ++k) {
      if (!filters_overlap(options.filters[i], options.filters[k])) continue;
      return invalid_argument("the filters \"" + options.filters[k] + "\" and \"" + options.filters[i] +
                              "\" overlap: a message under both would come twice");
    }
  }
  return {};
}

}  // namespace

Subscription::Subscription(Broker& broker, SubscriberOptions options)
    : broker_(broker),
      options_(std::move(options)),
      log_(options_.log != nullptr ? *options_.log : no_log()),
      buffer_(broker.clock(), options_.filters.size(), room_here(options_), options_.key),
      settler_({.clock = broker.clock(), .log = log_, .options = options_}),
      keeper_({.clock = broker.clock(), .log = log_, .ledger = ledger_, .sources = sources_}) {}

Result<void> Subscription::start() {
  if (running_) return {};
  MutexLock lock(starting_);
  if (running_ || ended_) return {};
  if (auto opened = open_sources(); !opened) {
    sources_.clear();
    return opened;
  }
  start_threads();
  return {};
}

Result<void> Subscription::open_sources() {
  if (auto checked = check(options_); !checked) return checked;
  for (const std::string& filter : options_.filters) {
    std::string name = options_.filters.size() == 1 ? options_.name : subscription_name(options_.name, filter);
    if (auto opened = open_source(std::move(name), filter); !opened) return opened;
  }
  return {};
}

Result<void> Subscription::open_source(std::string name, const std::string& filter) {
  const auto sequence = options_.start.from_sequence();
  const auto time = options_.start.from_time();
  const bool from_end = !sequence && !time;
  auto consumer =
      broker_.open_consumer({.stream = options_.stream,
                             .name = name,
                             .filter = filter,
                             .ack_wait = options_.ack_wait,
                             .start = from_end ? ConsumerConfig::Start::kEnd : ConsumerConfig::Start::kBeginning,
                             .start_sequence = sequence && *sequence > 1 ? *sequence : 0,
                             .start_time = time});
  if (!consumer) return consumer.error();
  report_drift(drift_log(options_.log), "subscription", options_.stream + "/" + name, (*consumer)->drift());
  sources_.push_back(std::make_unique<MessageSource>(
      MessageSource{.number = sources_.size(), .name = std::move(name), .consumer = std::move(*consumer)}));
  return {};
}

void Subscription::start_threads() {
  for (const auto& source : sources_) {
    fetchers_.push_back(std::make_unique<MessageFetcher>(MessageFetcher::Parts{
        .clock = broker_.clock(),
        .log = log_,
        .options = options_,
        .source = *source,
        .buffer = buffer_,
        .ahead = room_ahead(options_),
        .take_in = [this, &from = *source](std::vector<Delivery> some) { take_in(from, std::move(some)); },
        .fail = [this](const Error& error) { end(error); },
        .over = [this, &from = *source] { give_back_waiting(from); },
        .stop = fetching_.get_token()}));
  }
  settler_.start();
  keeper_.start();
  for (const auto& fetcher : fetchers_) fetcher->start();
  running_ = true;
}

// What has been delivered too often never reaches the buffer.
void Subscription::take_in(MessageSource& source, std::vector<Delivery> deliveries) {
  Clock& clock = broker_.clock();
  const SteadyTime leased_until = clock.steady() + source.consumer->ack_wait() * 2 / 3;
  // Whoever gives up the last reference frees it.
  MessageBatch* batch =
      std::make_unique<MessageBatch>(shared_from_this(), source, std::move(deliveries), clock.now(), leased_until)
          .release();
  ledger_.add(*batch);
  std::vector<HeldMessage*> fresh;
  std::vector<HeldMessage*> used_up;
  fresh.reserve(batch->messages.size());
  for (HeldMessage& message : batch->messages) {
    const bool too_often = options_.max_deliver != 0 && message.deliveries() > options_.max_deliver;
    (too_often ? used_up : fresh).push_back(&message);
  }
  // The batch lives while one of its messages is unsettled.
  for (HeldMessage* message : used_up) give_up(*message, "its last delivery ended without a verdict");
  if (!fresh.empty()) buffer_.put(source.number, fresh);  // its fetcher is not through
  for (HeldMessage* message : used_up) release(*message);
}

void Subscription::end(std::optional<Error> error) {
  buffer_.close(std::move(error));
  fetching_.request_stop();
}

void Subscription::request_stop() {
  end(std::nullopt);
}

// Only when no request of ours is at the broker any more: what is given back before would come to us again.
void Subscription::give_back_waiting(const MessageSource& source) {
  for (HeldMessage* message : buffer_.empty(source.number)) give_back(*message);
}

void Subscription::give_back_unbegun(std::span<HeldMessage* const> messages) {
  for (HeldMessage* message : messages) {
    if (!buffer_.put(message->batch->source.number, {&message, 1})) give_back(*message);
  }
}

void Subscription::stop() {
  request_stop();
  MutexLock lock(starting_);
  ended_ = true;
  for (const auto& fetcher : fetchers_) fetcher->join();
  runs_.close();
  settler_.stop();
  keeper_.stop();
}

// Other subscribers may have it at once.
void Subscription::give_back(HeldMessage& message) {
  settle(message, Verdict::kRetry, Duration{0});
  release(message);
}

// Hands the message to the settler, with a reference of its own.
void Subscription::settle(HeldMessage& message, Verdict verdict, Duration delay) {
  message.verdict = verdict;
  message.delay = delay;
  message.settling = true;
  refer_to(message);
  settler_.hand_in(message);
}

bool Subscription::is_used_up(std::uint32_t deliveries) const {
  return options_.max_deliver != 0 && deliveries >= options_.max_deliver;
}

void Subscription::done(HeldMessage& message) {
  settle(message, Verdict::kDone, Duration{0});
  buffer_.done(message);
}

void Subscription::give_up(HeldMessage& message, std::string reason) {
  message.reason = std::move(reason);
  settle(message, Verdict::kDead, Duration{0});
  buffer_.done(message);
}

void Subscription::come_again(HeldMessage& message, std::optional<Duration> delay) {
  const std::uint32_t deliveries = message.deliveries();
  if (is_used_up(deliveries)) {
    return give_up(message, "delivered " + std::to_string(deliveries) + " times and given back each time");
  }
  if (!delay && options_.backoff) {
    delay = options_.backoff->delay(deliveries, spread(message.delivery.message.sequence, deliveries));
  }
  const Duration wait = std::max(delay.value_or(Duration{0}), Duration{0});
  if (buffer_.has_keys() && !message.lost) {
    refer_to(message);
    if (buffer_.come_again(message, wait)) return;
    release(message);  // the caller has one, too
  }
  settle(message, Verdict::kRetry, wait);
  buffer_.done(message);
}

Result<void> Subscription::done_confirmed(HeldMessage& message) {
  message.settling = true;
  const Settlement settlement{.lease = message.delivery.lease, .verdict = Verdict::kDone, .confirm = true};
  auto settled = std::move(message.batch->source.consumer->settle({&settlement, 1}).front());
  if (settled || settled.error().code() == ErrorCode::kLeaseLost) {
    buffer_.done(message);
  } else {
    message.settling = false;
  }
  return settled;
}

Result<void> Subscription::extend(HeldMessage& message) {
  Consumer& consumer = *message.batch->source.consumer;
  const SteadyTime until = broker_.clock().steady() + consumer.ack_wait() * 2 / 3;
  auto extended = std::move(consumer.extend({&message.delivery.lease, 1}).front());
  if (extended) message.leased_until = until.time_since_epoch().count();
  return extended;
}

bool Subscription::take(std::vector<HeldMessage*>& taken, std::size_t most, SteadyTime deadline,
                        const std::stop_token& stop) {
  while (buffer_.take(taken, most, deadline, stop)) {
    if (taken.empty()) return true;
    std::erase_if(taken, [this](HeldMessage* message) { return drop_if_lost(*message); });
    if (!taken.empty()) return true;
  }
  return false;
}

// What lost its lease while it waited here comes again by itself.
bool Subscription::drop_if_lost(HeldMessage& message) {
  if (!message.lost) return false;
  buffer_.done(message);
  release(message);
  return true;
}

Result<std::optional<ReceivedMessage>> Subscription::next(std::chrono::milliseconds max_wait,
                                                          const std::stop_token& stop) {
  if (auto started = start(); !started) return started.error();
  std::vector<HeldMessage*> taken;
  const SteadyTime deadline = deadline_after(broker_.clock(), bounded_wait(max_wait));
  if (!take(taken, 1, deadline, stop)) {
    if (auto failed = error()) return *failed;
  }
  if (taken.empty()) return std::optional<ReceivedMessage>();
  taken.front()->kept = 0;
  return std::optional<ReceivedMessage>(ReceivedMessage(*taken.front()));
}

Result<void> Subscription::run(const Subscriber::Callback& callback, const std::stop_token& stop,
                               unsigned concurrency) {
  if (concurrency == 0) return invalid_argument("concurrency is 1 or more");
  if (auto started = start(); !started) return started;
  if (const Gate::Pass pass = runs_.enter()) {
    const std::stop_callback on_stop(stop, [this] { request_stop(); });
    // Alone, a callback may have a whole batch waiting behind it; several take one by one, so that none waits in vain.
    const std::size_t most = concurrency == 1 ? room_here(options_) : 1;
    ThreadPool others("callback", concurrency - 1,
                      [&](std::size_t, const std::stop_token&) { handle_messages(callback, most); });
    handle_messages(callback, most);
    others.stop();
  }
  this->stop();
  const auto failed = error();
  return failed ? Result<void>(*failed) : Result<void>();
}

void Subscription::handle_messages(const Subscriber::Callback& callback, std::size_t most) {
  std::vector<HeldMessage*> taken;
  while (take(taken, most, SteadyTime::max(), {})) {
    std::size_t begun = 0;
    while (begun < taken.size() && !stopped()) {
      HeldMessage& message = *taken[begun++];
      if (!drop_if_lost(message)) call(callback, message);
    }
    give_back_unbegun(std::span(taken).subspan(begun));
  }
}

// The lease of a message that the callback has moved away is not renewed any more.
void Subscription::call(const Subscriber::Callback& callback, HeldMessage& message) {
  std::uint32_t turn = message.turn();
  refer_to(message);
  const auto thrown = what_it_throws([&] { callback(ReceivedMessage(message)); });
  if (thrown) {
    log_.warn("a callback threw; the message is given back", {{"subject", message.delivery.message.subject},
                                                              {"sequence", message.delivery.message.sequence},
                                                              {"error", *thrown}});
  }
  message.kept.compare_exchange_strong(turn, 0);
  release(message);
}

}  // namespace leat
