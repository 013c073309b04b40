#include "broker/jetstream/ordered_pull.h"

#include <algorithm>

#include "broker/jetstream/lookup.h"
#include "broker/jetstream/stream_settings.h"
#include "core/ulid.h"

namespace leat::jetstream {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kExpires{30'000};
constexpr milliseconds kReadHeartbeat{5000};
constexpr milliseconds kReadGrace{500};
constexpr milliseconds kRebuildPause{100};
constexpr milliseconds kUnusedReader{300'000};  // the server removes a consumer that nobody pulls from
constexpr milliseconds kEndLook{250};           // at the end of a stream, whether it still is the end
constexpr milliseconds kLongestPatience{8000};
constexpr std::size_t kLeastBatch = 256;
constexpr std::size_t kFirstBatch = 64;  // before it is known how large messages are

std::size_t size_of(const nats::Received& message) {
  return message.subject().size() + message.data().size();
}

}  // namespace

OrderedPull::OrderedPull(Session& session, OrderedConfig config)
    : session_(session), clock_(session.clock()), config_(std::move(config)) {
  session_.control().add(*this);
}

OrderedPull::~OrderedPull() {
  session_.control().remove(*this);
  abandon();
  if (subscription_ != nullptr) subscription_->drain();
}

Result<std::vector<OrderedMessage>> OrderedPull::next(const Portion& most, SteadyTime deadline, AtEnd at_end,
                                                      std::stop_token stop) {
  while (true) {
    if (stream_sequence_ >= config_.last_sequence) return std::vector<OrderedMessage>();
    if (auto waited = wait(most, deadline, at_end, stop); !waited) return waited.error();
    bool again = false;
    {
      MutexLock lock(mutex_);
      auto taken = take(most);
      if (!taken.empty()) return taken;
      again = broken_;
    }
    if (stop.stop_requested()) return std::vector<OrderedMessage>();
    if (!again) return std::vector<OrderedMessage>();
  }
}

// Returns when something arrived, when a gap shows that nothing right can come, at the end, or at the deadline.
Result<void> OrderedPull::wait(const Portion& most, SteadyTime deadline, AtEnd at_end, const std::stop_token& stop) {
  const auto looks = [&] { return at_end == AtEnd::kReturn || !verified_; };
  bool silent = false;
  SteadyTime silent_since = clock_.steady();
  while (true) {
    if (auto recovered = recover(); !recovered) return recovered;
    // What was pending may have been removed meanwhile: silence is a reason to ask as well.
    if (looks() && (silent || (at_end == AtEnd::kReturn && pending_ == 0))) {
      auto more = ask_for_more();
      if (!more) return more.error();
      if (!*more) {
        pending_ = 0;
        verified_ = true;
        if (at_end == AtEnd::kReturn) return {};
      } else if (silent && clock_.steady() - silent_since >= patience_) {
        // A consumer can overlook for good what was written while it sent what was there before (seen with
        // last_per_subject and two filters on server 2.10.27).
        patience_ = std::min<Duration>(2 * patience_, kLongestPatience);
        silent_since = clock_.steady();
        MutexLock lock(mutex_);
        broken_ = true;
        continue;
      }
    }
    MutexLock lock(mutex_);
    if (auto refilled = refill(most); !refilled) return refilled;
    if (!read_statuses()) broken_ = true;
    if (!arrived_.empty() || stop.stop_requested() || clock_.steady() >= deadline) return {};
    if (auto open = session_.control().check_open(); !open) return open;
    if (broken_) continue;
    waiting_ = true;
    clock_.wait_until(changed_, mutex_, std::min(deadline, clock_.steady() + (looks() ? kEndLook : kReadHeartbeat)),
                      stop);
    waiting_ = false;
    silent = arrived_.empty();
    if (connected_ && clock_.steady() - heard_ > 2 * kReadHeartbeat + kReadGrace) broken_ = true;
  }
}

// True when the stream holds more than was returned so far. The stream is asked, not the consumer: that can hear of a
// message later than whoever stored it.
Result<bool> OrderedPull::ask_for_more() {
  {
    MutexLock lock(mutex_);
    if (!arrived_.empty()) return true;
  }
  const std::uint64_t next = std::max(stream_sequence_, start_floor_) + 1;
  std::vector<std::string> bodies;
  for (const std::string& filter : config_.filters) bodies.push_back(next_by_subject(next, filter));
  if (bodies.empty()) bodies.push_back(next_by_subject(next, ">"));
  bool more = false;
  for (const auto& found : look_up(session_, config_.stream, bodies)) {
    if (!found) return found.error();
    more = more || (found->has_value() && (*found)->message.sequence <= config_.last_sequence);
  }
  return more;
}

std::string OrderedPull::call(std::string_view what) {
  MutexLock lock(mutex_);
  return std::string(what) + "." + config_.stream + "." + name_;
}

nlohmann::json OrderedPull::consumer_config(const std::string& name) const {
  nlohmann::json config{{"name", name},
                        {"ack_policy", "none"},
                        {"max_deliver", 1},
                        {"mem_storage", true},
                        {"num_replicas", 1},
                        {"replay_policy", "instant"},
                        {"inactive_threshold", Duration(kUnusedReader).count()},
                        {"deliver_policy", "all"}};
  if (config_.content == OrderedConfig::Content::kHeaders) config["headers_only"] = true;
  if (config_.filters.size() == 1) config["filter_subject"] = config_.filters.front();
  if (config_.filters.size() > 1) config["filter_subjects"] = config_.filters;
  const std::uint64_t from = std::max(config_.from_sequence, stream_sequence_ + 1);
  if (from > 1) {
    config["deliver_policy"] = "by_start_sequence";
    config["opt_start_seq"] = from;
  } else if (config_.start == OrderedConfig::Start::kLastOfEachSubject) {
    config["deliver_policy"] = "last_per_subject";
    if (config_.filters.empty()) config["filter_subject"] = ">";
  } else if (config_.from_time) {
    config["deliver_policy"] = "by_start_time";
    config["opt_start_time"] = to_start_time(*config_.from_time);
  }
  return config;
}

Result<void> OrderedPull::create() {
  if (subscription_ == nullptr) {
    const std::string inbox = session_.control().make_inbox() + ".";
    auto subscription = nats::Subscription::open(session_.control(), inbox + "*", *this);
    if (!subscription) return subscription.error();
    subscription_ = std::move(*subscription);
    MutexLock lock(mutex_);
    inbox_ = inbox;
  }
  const std::string name = "leat_" + make_ulid(clock_.now());
  {
    MutexLock lock(mutex_);
    name_ = name;
  }
  const nlohmann::json body{{"stream_name", config_.stream}, {"config", consumer_config(name)}};
  auto made = session_.api().require(call("CONSUMER.CREATE"), body, "stream \"" + config_.stream + "\"");
  if (!made) return made.error();
  pending_ = number_at(*made, "num_pending");
  verified_ = false;
  start_floor_ = number_at(object_at(*made, "delivered"), "stream_seq");
  consumer_sequence_ = 0;
  consumer_made_ = true;
  MutexLock lock(mutex_);
  broken_ = false;
  heard_ = clock_.steady();
  return {};
}

void OrderedPull::abandon() {
  if (!consumer_made_) return;
  consumer_made_ = false;
  const std::string subject = session_.api().subject(call("CONSUMER.DELETE"));
  (void)session_.control().publish(subject.c_str(), nullptr, {});
}

// Makes the consumer, and a new one when the old one cannot be trusted any more.
Result<void> OrderedPull::recover() {
  {
    MutexLock lock(mutex_);
    if (consumer_made_ && !broken_) return {};
    pulls_.clear();
    arrived_.clear();
    statuses_.clear();
  }
  if (consumer_made_) {
    abandon();
    sleep_for(clock_, kRebuildPause, {});
  }
  return create();
}

// How many messages are asked for at a time: enough for the call after this one too, but of no more bytes than both
// may return.
std::size_t OrderedPull::ahead(const Portion& most) const {
  if (typical_bytes_ == 0) return kFirstBatch;
  const double fits = 2.0 * static_cast<double>(most.bytes) / typical_bytes_;
  const std::size_t wanted = 2 * std::max(most.count, kLeastBatch);
  return fits < static_cast<double>(wanted) ? std::max<std::size_t>(2, static_cast<std::size_t>(fits)) : wanted;
}

// Up to the last one, of which neither has come nor has been asked for. Each message has at least one.
std::uint64_t OrderedPull::sequences_left() const {
  if (config_.last_sequence == std::numeric_limits<std::uint64_t>::max()) return config_.last_sequence;
  std::uint64_t newest = std::max({stream_sequence_, start_floor_, config_.from_sequence - 1});
  if (!arrived_.empty()) {
    if (const auto position = parse_ack_subject(arrived_.back().reply())) newest = position->stream_sequence;
  }
  const std::uint64_t covered = newest + pulls_.outstanding();
  return covered < config_.last_sequence ? config_.last_sequence - covered : 0;
}

Result<void> OrderedPull::refill(const Portion& most) {
  if (!connected_ || broken_) return {};
  const std::size_t target = ahead(most);
  const std::size_t have = pulls_.outstanding() + arrived_.size();
  if (have > target / 2) return {};
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(target - have, sequences_left()));
  if (count == 0) return {};
  const std::uint64_t number = pulls_.open(count, clock_.steady() + kExpires + kReadGrace);
  const std::string body = "{\"batch\":" + std::to_string(count) +
                           ",\"expires\":" + std::to_string(Duration(kExpires).count()) +
                           ",\"idle_heartbeat\":" + std::to_string(Duration(kReadHeartbeat).count()) + "}";
  const std::string subject = session_.api().subject("CONSUMER.MSG.NEXT." + config_.stream + "." + name_);
  return session_.control().publish(subject.c_str(), (inbox_ + std::to_string(number)).c_str(), body);
}

// False when a status says that the consumer does not deliver any more. That a consumer which was given up is deleted
// says nothing about the one in its place.
bool OrderedPull::read_statuses() {
  bool well = !(pulls_.expire(clock_.steady()) && pulls_.outstanding() == 0);
  for (const nats::Received& message : statuses_) {
    const PullStatus status = read_pull_status(message, inbox_);
    if (status.kind == PullStatus::Kind::kHeartbeat || pulls_.is_cleared(status.request)) continue;
    pulls_.end(status.request, status.undelivered);
    well = well && status.kind == PullStatus::Kind::kEnded;
  }
  statuses_.clear();
  return well;
}

// Takes what continues the order without a gap; behind a gap nothing counts.
std::vector<OrderedMessage> OrderedPull::take(const Portion& most) {
  std::vector<OrderedMessage> taken;
  std::size_t bytes = 0;
  while (!arrived_.empty() && taken.size() < most.count && bytes < most.bytes) {
    OrderedMessage next{.message = std::move(arrived_.front())};
    arrived_.pop_front();
    const auto position = parse_ack_subject(next.message.reply());
    if (!position || position->consumer_sequence != consumer_sequence_ + 1) {
      broken_ = true;
      break;
    }
    next.position = *position;
    consumer_sequence_ = position->consumer_sequence;
    stream_sequence_ = position->stream_sequence;
    pending_ = position->pending;
    if (stream_sequence_ > config_.last_sequence) break;
    bytes += size_of(next.message);
    taken.push_back(std::move(next));
    patience_ = kPatience;
  }
  return taken;
}

void OrderedPull::on_message(nats::Received message) {
  MutexLock lock(mutex_);
  heard_ = clock_.steady();
  if (message.subject().starts_with(inbox_)) {
    statuses_.push_back(std::move(message));
  } else if (message.reply().find(name_) != std::string_view::npos) {
    pulls_.delivered();
    learn_size(message);
    arrived_.push_back(std::move(message));
  }
  if (waiting_) changed_.notify_all();
}

// One that is larger than those before counts at once. What was asked for already comes all the same.
void OrderedPull::learn_size(const nats::Received& message) {
  constexpr double kWeight = 1.0 / 16;
  const auto size = static_cast<double>(size_of(message));
  typical_bytes_ = std::max(size, typical_bytes_ + (size - typical_bytes_) * kWeight);
}

void OrderedPull::on_disconnected() {
  MutexLock lock(mutex_);
  connected_ = false;
  pulls_.clear();
}

void OrderedPull::on_closed() {
  MutexLock lock(mutex_);
  connected_ = false;
  changed_.notify_all();
}

// An ephemeral consumer in memory does not survive its server; what was on the way is lost in any case.
void OrderedPull::on_reconnected() {
  MutexLock lock(mutex_);
  connected_ = true;
  broken_ = true;
  changed_.notify_all();
}

}  // namespace leat::jetstream
