#include "pubsub/message_settler.h"

#include <algorithm>

#include "pubsub/dead_letter.h"

namespace leat {
namespace {

constexpr Duration kRoundPause = std::chrono::milliseconds(1);    // between two rounds under load: makes batches
constexpr Duration kRetryPause = std::chrono::milliseconds(200);  // before a failed settlement is tried again
constexpr Duration kDeadLetterPause = std::chrono::seconds(1);    // before a message that could not be given up returns

}  // namespace

void MessageSettler::start() {
  ended_ = false;
  thread_ = start_thread("settler", [this](const std::stop_token&) { run(); });
}

void MessageSettler::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  ended_ = true;
  // What was handed in while the thread ended, by those who saw it alive; and a last try for what has failed.
  settle_now();
}

void MessageSettler::hand_in(HeldMessage& message) {
  HeldMessage* below = pile_.load();
  do {
    message.next_in = below;
  } while (!pile_.compare_exchange_weak(below, &message));
  if (ended_) {
    settle_now();
  } else if (below == nullptr) {
    wake();
  }
}

void MessageSettler::settle_now() {
  std::vector<HeldMessage*> batch;
  MutexLock lock(processing_);
  batch.swap(later_);
  collect(batch);
  process(batch);
}

void MessageSettler::wake() {
  MutexLock lock(mutex_);
  changed_.notify_all();
}

void MessageSettler::run() {
  std::vector<HeldMessage*> batch;
  while (wait_for_work()) {
    MutexLock lock(processing_);
    last_round_ = real_clock().steady();
    batch.swap(later_);
    collect(batch);
    process(batch);
    batch.clear();
    retrying_ = !later_.empty();
  }
}

// False when it is to end, with nothing handed in.
bool MessageSettler::wait_for_work() {
  MutexLock lock(mutex_);
  Clock& pace = real_clock();
  const SteadyTime retry_at = retrying_ ? pace.steady() + kRetryPause : SteadyTime::max();
  wait_until(pace, changed_, mutex_, retry_at, {},
             [this]() LEAT_REQUIRES(mutex_) { return pile_.load() != nullptr || stopping_; });
  if (stopping_) return pile_.load() != nullptr;
  // Right after a round more is on its way: a moment's patience makes one settlement of many.
  wait_until(pace, changed_, mutex_, last_round_ + kRoundPause, {},
             [this]() LEAT_REQUIRES(mutex_) { return stopping_; });
  return true;
}

void MessageSettler::collect(std::vector<HeldMessage*>& batch) {
  const auto begin = static_cast<std::ptrdiff_t>(batch.size());
  for (HeldMessage* message = pile_.exchange(nullptr); message != nullptr; message = message->next_in) {
    batch.push_back(message);
  }
  std::reverse(batch.begin() + begin, batch.end());
}

void MessageSettler::process(std::vector<HeldMessage*>& batch) {
  give_up(batch);
  while (!batch.empty()) {
    MessageSource& source = batch.front()->batch->source;
    const auto others = std::stable_partition(
        batch.begin(), batch.end(), [&](const HeldMessage* message) { return &message->batch->source == &source; });
    settle(source, {batch.begin(), others});
    batch.erase(batch.begin(), others);
  }
}

// A dead letter that cannot be stored keeps its message: it is given back instead.
void MessageSettler::give_up(std::vector<HeldMessage*>& batch) {
  std::vector<HeldMessage*> dying;
  std::copy_if(batch.begin(), batch.end(), std::back_inserter(dying),
               [](const HeldMessage* message) { return message->verdict == Verdict::kDead && !message->given_up; });
  if (dying.empty()) return;
  const auto stored = store_dead_letters(dying);
  for (std::size_t i = 0; i < dying.size(); ++i) {
    HeldMessage& message = *dying[i];
    const StoredMessage& content = message.delivery.message;
    if (stored[i]) {
      message.given_up = true;
      parts_.log.warn("message is given up",
                      {{"subject", content.subject}, {"sequence", content.sequence}, {"reason", message.reason}});
      if (parts_.options.on_given_up) {
        parts_.options.on_given_up({.message = content, .reason = message.reason, .deliveries = message.deliveries()});
      }
    } else {
      message.verdict = Verdict::kRetry;
      message.delay = kDeadLetterPause;
      parts_.log.error(
          "a message cannot be given up, because its dead letter could not be stored; it comes again",
          {{"subject", content.subject}, {"sequence", content.sequence}, {"error", stored[i].error().message()}});
      if (parts_.options.on_trouble) parts_.options.on_trouble(stored[i].error().with_context("dead letter"));
    }
  }
}

std::vector<Result<void>> MessageSettler::store_dead_letters(const std::vector<HeldMessage*>& dying) {
  std::vector<Result<void>> results(dying.size());
  if (parts_.options.dead_letters == nullptr) return results;
  std::vector<Publication> letters;
  letters.reserve(dying.size());
  for (const HeldMessage* message : dying) {
    letters.push_back(make_dead_letter(parts_.options.dead_subject,
                                       {.message = static_cast<const Message&>(message->delivery.message),
                                        .sequence = message->delivery.message.sequence,
                                        .stored_at = message->delivery.message.time,
                                        .stream = parts_.options.stream,
                                        .subscription = message->batch->source.name,
                                        .deliveries = message->deliveries(),
                                        .reason = message->reason}));
  }
  const auto published = parts_.options.dead_letters->publish_batch(std::move(letters));
  for (std::size_t i = 0; i < published.size(); ++i) {
    if (!published[i]) results[i] = published[i].error();
  }
  return results;
}

void MessageSettler::settle(MessageSource& source, const std::vector<HeldMessage*>& messages) {
  std::vector<Settlement> settlements;
  std::vector<HeldMessage*> settling;
  settlements.reserve(messages.size());
  settling.reserve(messages.size());
  for (HeldMessage* message : messages) {
    if (message->lost && message->verdict == Verdict::kRetry) {
      release(*message);  // whoever has it now must not lose it
      continue;
    }
    settlements.push_back({.lease = message->delivery.lease, .verdict = message->verdict, .delay = message->delay});
    settling.push_back(message);
  }
  if (settling.empty()) return;
  const auto settled = source.consumer->settle(settlements);
  for (std::size_t i = 0; i < settling.size(); ++i) {
    if (settled[i] || !keep_for_later(*settling[i], settled[i].error())) release(*settling[i]);
  }
}

// Past the end of its lease the message comes again anyway.
bool MessageSettler::keep_for_later(HeldMessage& message, const Error& error) {
  const bool passing = error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kUnknown;
  const bool leased = parts_.clock.steady().time_since_epoch().count() < message.leased_until;
  const bool kept = passing && leased && !ended_;
  parts_.log.warn(kept ? "settling failed; trying again while the lease holds" : "settling failed",
                  {{"subject", message.delivery.message.subject},
                   {"sequence", message.delivery.message.sequence},
                   {"error", error.message()}});
  if (kept) later_.push_back(&message);
  return kept;
}

}  // namespace leat
