#include "broker/jetstream/pull_consumer.h"

#include <algorithm>

#include "broker/config_checks.h"
#include "broker/jetstream/ack_subject.h"
#include "broker/jetstream/lookup.h"

namespace leat::jetstream {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLongestPull{30'000};
constexpr milliseconds kShortestAheadPull{2000};
constexpr milliseconds kHeartbeat{5000};
constexpr milliseconds kShortestWithHeartbeat{2000};  // shorter pulls end soon enough by themselves
constexpr milliseconds kGrace{250};                   // for the server's word that a request is over
constexpr milliseconds kPullPause{100};               // and as much again at random
constexpr milliseconds kWithoutNews{1000};            // while the connection is lost
constexpr milliseconds kBehind{250};                  // until it looks again whether the server has settled enough
// A server stores what it has delivered up to a second later. One that was killed delivers that again as if for the
// first time, and before all that is new.
constexpr std::size_t kMostForgotten = 10'000;
constexpr milliseconds kClocksDiffer{1000};

milliseconds heartbeat_of(milliseconds expires) {
  return std::min<milliseconds>(kHeartbeat, expires / 2);
}

std::string pull_body(std::size_t count, milliseconds expires, bool no_wait) {
  std::string body = "{\"batch\":" + std::to_string(count);
  if (no_wait) body += ",\"no_wait\":true";
  if (expires > milliseconds::zero()) body += ",\"expires\":" + std::to_string(Duration(expires).count());
  if (expires >= kShortestWithHeartbeat) {
    body += ",\"idle_heartbeat\":" + std::to_string(Duration(heartbeat_of(expires)).count());
  }
  return body + "}";
}

}  // namespace

std::optional<Delivery> to_delivery(const nats::Received& message) {
  const std::string_view reply = message.reply();
  const auto ack = parse_ack_subject(reply);
  if (!ack) return std::nullopt;
  Delivery delivery;
  delivery.message.subject = message.subject();
  delivery.message.headers = message.headers(kServerHeaders);
  delivery.message.payload = message.data();
  delivery.message.sequence = ack->stream_sequence;
  delivery.message.time = ack->time;
  delivery.lease.sequence = ack->stream_sequence;
  delivery.lease.delivery_count = static_cast<std::uint32_t>(ack->delivered);
  delivery.lease.token = reply;
  delivery.number = ack->consumer_sequence;
  return delivery;
}

PullConsumer::PullConsumer(Session& session, std::string stream, std::string name, Duration ack_wait,
                           std::vector<Drift> drift)
    : session_(session),
      clock_(session.clock()),
      stream_(std::move(stream)),
      name_(std::move(name)),
      ack_wait_(ack_wait),
      drift_(std::move(drift)),
      pull_subject_(session.api().subject("CONSUMER.MSG.NEXT." + stream_ + "." + name_)),
      refusals_(session.control().refusals()),
      pace_(session, [this] { on_pace(); }),
      settler_(session, pace_) {
  {
    MutexLock lock(mutex_);
    distrust_counts();
  }
  session_.bulk().add(*this);
}

PullConsumer::~PullConsumer() {
  session_.bulk().remove(*this);
  release_ahead();
}

Result<std::vector<Delivery>> PullConsumer::fetch(const FetchOptions& options, std::stop_token stop) {
  if (auto valid = check_fetch_options(options); !valid) return valid.error();
  std::vector<nats::Received> messages;
  {
    MutexLock lock(mutex_);
    Demand demand{options, deadline_after(clock_, options.max_wait), releases_};
    if (auto waited = wait_for_messages(demand, stop); !waited) return waited.error();
    messages = take(options.max_count);
    if (options.ahead > 0 && !stop.stop_requested() && releases_ == demand.releases) {
      if (auto pulled = keep_pulling(demand); !pulled && messages.empty()) return pulled.error();
    }
  }
  std::vector<Delivery> deliveries;
  deliveries.reserve(messages.size());
  for (const nats::Received& message : messages) {
    if (auto delivery = to_delivery(message)) deliveries.push_back(std::move(*delivery));
  }
  flag_unsure(deliveries);
  return deliveries;
}

// The server may be another one than before, or the same without its memory.
void PullConsumer::distrust_counts() {
  unsure_left_ = kMostForgotten;
  unsure_before_ = clock_.now() + kClocksDiffer;
}

void PullConsumer::flag_unsure(std::vector<Delivery>& deliveries) {
  MutexLock lock(mutex_);
  for (Delivery& delivery : deliveries) {
    if (unsure_left_ == 0) return;
    if (delivery.lease.delivery_count > 1 || delivery.message.time >= unsure_before_) continue;
    delivery.count_is_unsure = true;
    --unsure_left_;
  }
}

std::vector<Result<void>> PullConsumer::settle(std::span<const Settlement> settlements) {
  return settler_.settle(settlements);
}

std::vector<Result<void>> PullConsumer::extend(std::span<const Lease> leases) {
  const SteadyTime asked = clock_.steady();
  std::vector<std::string> subjects;
  subjects.reserve(leases.size());
  for (const Lease& lease : leases) subjects.push_back(lease.token);
  {
    MutexLock lock(mutex_);
    drop_old();
    for (const Held& held : held_) subjects.emplace_back(held.message.reply());
  }
  auto results = settler_.extend(subjects);
  const bool all =
      std::all_of(results.begin(), results.end(), [](const Result<void>& result) { return result.has_value(); });
  if (all) {
    MutexLock lock(mutex_);
    renewed_ = asked;
  }
  results.erase(results.begin() + static_cast<std::ptrdiff_t>(leases.size()), results.end());
  return results;
}

// The server learns first that nobody listens on the inbox any more, so that no delivery is lost on the way.
void PullConsumer::release_ahead() {
  std::unique_ptr<nats::Subscription> ending;
  bool requests_left = false;
  {
    MutexLock lock(mutex_);
    ++releases_;
    ending = std::move(subscription_);
    requests_left = connected_ && pulls_.outstanding() > 0;
    changed_.notify_all();
  }
  if (ending != nullptr) ending->drain();
  ending.reset();
  // A request that is left at the server without anybody to answer would swallow the first message that is given back
  // (2.9: until its lease runs out; later ones put it behind the others). Asked for the consumer, it drops them.
  if (requests_left) (void)session_.api().call("CONSUMER.INFO." + stream_ + "." + name_);
  std::deque<Held> held;
  {
    MutexLock lock(mutex_);
    pulls_.clear();
    held.swap(held_);
    statuses_.clear();
  }
  std::vector<std::string> subjects;
  subjects.reserve(held.size());
  for (const Held& one : held) subjects.emplace_back(one.message.reply());
  settler_.give_back(subjects);
}

void PullConsumer::on_message(nats::Received message) {
  MutexLock lock(mutex_);
  heard_ = clock_.steady();
  if (message.subject().starts_with(inbox_)) {
    statuses_.push_back(std::move(message));
  } else {
    pulls_.delivered();
    held_.push_back({std::move(message), heard_});
  }
  if (waiting_ > 0) changed_.notify_all();
}

// The server has got through more of what was settled.
void PullConsumer::on_pace() {
  MutexLock lock(mutex_);
  if (waiting_ > 0) changed_.notify_all();
}

void PullConsumer::on_disconnected() {
  pace_.forget();
  MutexLock lock(mutex_);
  connected_ = false;
  pulls_.clear();
}

void PullConsumer::on_closed() {
  MutexLock lock(mutex_);
  connected_ = false;
  changed_.notify_all();
}

void PullConsumer::on_reconnected() {
  MutexLock lock(mutex_);
  connected_ = true;
  distrust_counts();
  pulls_.clear();
  not_before_ = {};
  heard_ = clock_.steady();
  changed_.notify_all();
}

Result<void> PullConsumer::wait_for_messages(Demand& demand, const std::stop_token& stop) {
  while (true) {
    if (auto read = read_statuses(); !read) return read;
    if (auto allowed = check_permission(); !allowed) return allowed;
    drop_old();
    if (is_served(demand) || stop.stop_requested() || releases_ != demand.releases) return {};
    if (auto healthy = check_health(); !healthy) return healthy;
    if (auto pulled = keep_pulling(demand); !pulled) return pulled;
    if (is_over(demand, stop)) {
      if (!connected_ && !stop.stop_requested()) return lost();
      // A request that ended without a word: servers before 2.10 say nothing when the consumer is missing.
      const bool silent = demand.options.ahead == 0 && connected_ && pulls_.outstanding() > 0;
      return silent && !stop.stop_requested() ? check_existence() : Result<void>();
    }
    ++waiting_;
    clock_.wait_until(changed_, mutex_, next_look(demand), stop);
    --waiting_;
  }
}

// Without anything ahead a request is waited for until its end: nothing may be leased behind the caller's back.
bool PullConsumer::is_served(const Demand& demand) const {
  if (held_.empty()) return false;
  if (demand.options.ahead > 0 || held_.size() >= demand.options.max_count) return true;
  return pulls_.outstanding() == 0 || clock_.steady() >= heard_ + kGrace;
}

bool PullConsumer::is_over(const Demand& demand, const std::stop_token& stop) const {
  if (stop.stop_requested()) return true;
  const SteadyTime now = clock_.steady();
  if (now < demand.deadline) return false;
  const bool may_come = demand.options.ahead == 0 && connected_ && pulls_.outstanding() > 0;
  return !may_come || now >= demand.deadline + kGrace;
}

SteadyTime PullConsumer::next_look(const Demand& demand) const {
  const SteadyTime now = clock_.steady();
  if (now >= demand.deadline) return demand.deadline + kGrace;
  SteadyTime next = std::min(demand.deadline, pulls_.next_end());
  if (!held_.empty()) next = std::min(next, heard_ + kGrace);
  if (not_before_ > now) next = std::min(next, not_before_);
  if (demand.options.ahead > 0 && pulls_.outstanding() == 0) next = std::min(next, now + kBehind);
  if (!connected_) next = std::min(next, now + kWithoutNews);
  if (pulls_.outstanding() > 0) next = std::min(next, std::max(heard_ + 2 * kHeartbeat + kGrace, now + kGrace));
  return next;
}

Result<void> PullConsumer::read_statuses() {
  while (!statuses_.empty()) {
    std::vector<nats::Received> statuses;
    statuses.swap(statuses_);
    for (const nats::Received& message : statuses) {
      if (auto read = read_status(read_pull_status(message, inbox_)); !read) return read;
    }
  }
  return {};
}

Result<void> PullConsumer::read_status(const PullStatus& status) {
  using Kind = PullStatus::Kind;
  if (status.kind == Kind::kHeartbeat) return {};
  pulls_.end(status.request, status.undelivered);
  switch (status.kind) {
    case Kind::kHeartbeat:
    case Kind::kEnded: return {};
    case Kind::kRetry:
      distrust_counts();  // it may be of a new leader
      pause();
      return {};
    case Kind::kNobody:
      distrust_counts();
      suspicious_ = true;
      return {};
    case Kind::kDeleted: pulls_.clear(); return not_found();
    case Kind::kFault:
      return Error(ErrorCode::kInternal, "the server refuses to deliver from \"" + name_ + "\": " + status.text);
  }
  return {};
}

// The server says that it refuses a request on the connection alone, never to who asked.
Result<void> PullConsumer::check_permission() {
  const std::uint64_t refusals = session_.bulk().refusals();
  if (std::exchange(refusals_, refusals) == refusals) return {};
  if (session_.bulk().last_refusal().find(pull_subject_) == std::string::npos) return {};
  pulls_.clear();
  return Error(ErrorCode::kDenied, "the account may not publish to " + pull_subject_);
}

// Silence longer than two heartbeats, or a request that ended without a word (servers before 2.10 say nothing when
// the consumer is missing): its requests are lost, and it may be, too.
Result<void> PullConsumer::check_health() {
  const SteadyTime now = clock_.steady();
  if (!connected_) return session_.bulk().check_open();
  if (pulls_.expire(now)) suspicious_ = true;
  if (pulls_.outstanding() > 0 && now - heard_ > 2 * kHeartbeat) suspicious_ = true;
  if (!suspicious_ || now < not_before_) return {};
  return check_existence();
}

Result<void> PullConsumer::check_existence() {
  mutex_.unlock();
  const auto answer = session_.api().call("CONSUMER.INFO." + stream_ + "." + name_);
  mutex_.lock();
  heard_ = clock_.steady();
  pulls_.clear();
  if (!answer) {
    if (answer.error().code() == ErrorCode::kDenied) return answer.error();
    pause();
    return {};
  }
  suspicious_ = false;
  if (answer->error == ApiCode::kNoConsumer || answer->error == ApiCode::kNoStream) return not_found();
  if (answer->error != 0) pause();
  return {};
}

Result<void> PullConsumer::keep_pulling(Demand& demand) {
  if (!connected_ || suspicious_ || clock_.steady() < not_before_) return {};
  const std::size_t target = demand.options.max_count + demand.options.ahead;
  const std::size_t have = pulls_.outstanding() + held_.size();
  if (demand.options.ahead == 0) {
    // Waiting for the end of an earlier request is enough: what it delivers is for this call.
    if (have > 0 || (demand.pulled && clock_.steady() >= demand.deadline)) return {};
  } else if (have > target / 2 || have >= target || pace_.is_behind()) {
    return {};
  }
  return pull(target - have, demand);
}

Result<void> PullConsumer::pull(std::size_t count, Demand& demand) {
  if (auto subscribed = subscribe(); !subscribed) return subscribed;
  const SteadyTime now = clock_.steady();
  const bool ahead = demand.options.ahead > 0;
  auto expires = std::chrono::ceil<milliseconds>(std::max(Duration::zero(), demand.deadline - now));
  if (ahead) expires = std::max(expires, kShortestAheadPull);
  expires = std::min(expires, kLongestPull);
  if (pulls_.outstanding() == 0) heard_ = now;
  demand.pulled = true;
  const std::uint64_t number = pulls_.open(count, now + expires + kGrace + kGrace);
  const std::string reply = inbox_ + std::to_string(number);
  auto sent = session_.bulk().publish(pull_subject_.c_str(), reply.c_str(), pull_body(count, expires, !ahead));
  if (!sent) {
    pulls_.clear();
    pause();
  }
  return {};
}

Result<void> PullConsumer::subscribe() {
  if (subscription_ != nullptr) return {};
  inbox_ = session_.bulk().make_inbox() + ".";
  auto subscription = nats::Subscription::open(session_.bulk(), inbox_ + "*", *this);
  if (!subscription) return subscription.error();
  subscription_ = std::move(*subscription);
  return {};
}

// Many consumers hear of the same trouble at once: they come back spread over time.
void PullConsumer::pause() {
  const auto spread = std::hash<const void*>{}(this) / 64 % static_cast<std::size_t>(kPullPause.count());
  not_before_ = clock_.steady() + kPullPause + milliseconds(spread);
}

std::vector<nats::Received> PullConsumer::take(std::size_t most) {
  const std::size_t count = std::min(most, held_.size());
  const auto end = held_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<nats::Received> taken;
  taken.reserve(count);
  for (auto one = held_.begin(); one != end; ++one) taken.push_back(std::move(one->message));
  held_.erase(held_.begin(), end);
  return taken;
}

// This program stood still, or its renewals did not arrive: another worker may have them, and the server takes a late
// renewal all the same.
void PullConsumer::drop_old() {
  const SteadyTime over = clock_.steady() - ack_wait_;
  if (renewed_ > over) return;
  while (!held_.empty() && held_.front().since <= over) held_.pop_front();
}

Error PullConsumer::lost() const {
  return {ErrorCode::kUnavailable,
          "the connection to the NATS server is lost; nothing comes from \"" + name_ + "\" until it is back"};
}

Error PullConsumer::not_found() const {
  return {ErrorCode::kNotFound, "consumer \"" + name_ + "\" of stream \"" + stream_ + "\" was deleted: open it again"};
}

}  // namespace leat::jetstream
