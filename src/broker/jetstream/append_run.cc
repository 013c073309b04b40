#include "broker/jetstream/append_run.h"

#include <algorithm>
#include <limits>

#include "broker/jetstream/lookup.h"

namespace leat::jetstream {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kAppendWindow = 4096;      // messages without an answer
constexpr std::size_t kWindowBytes = 16 << 20;   // and their payloads
constexpr std::size_t kChunk = 64;               // messages marked under one lock
constexpr milliseconds kAppendPatience{30'000};  // without an answer it is given up
constexpr milliseconds kStep{250};               // between looks at the connection
constexpr milliseconds kQuiet{5000};             // no answer at all for so long: they are lost
constexpr milliseconds kQuietAfterLoss{500};     // the same once the connection was lost and is back
constexpr milliseconds kResendPause{150};        // before a refused message is sent again
constexpr milliseconds kAppendFlush{1000};
constexpr std::size_t kFewAppends = 8;  // sent by themselves they are there sooner
constexpr const char* kIdHeader = "Nats-Msg-Id";
constexpr const char* kExpectationHeader = "Nats-Expected-Last-Subject-Sequence";

// The server says: not now.
bool is_temporary(const PubAck& ack) {
  constexpr int kBusy[] = {ApiCode::kTemporarilyUnavailable, 10158, 10163, 10167};
  return std::find(std::begin(kBusy), std::end(kBusy), ack.error) != std::end(kBusy);
}

std::size_t wire_size(const AppendRequest& request) {
  std::size_t size = request.message.payload.size();
  if (!request.message.headers.empty() || !request.message_id.empty() || request.expected_last) size += 12;
  for (const auto& [name, value] : request.message.headers) size += name.size() + value.size() + 4;
  if (!request.message_id.empty()) size += std::string_view(kIdHeader).size() + request.message_id.size() + 4;
  if (request.expected_last) {
    size += std::string_view(kExpectationHeader).size() + std::to_string(*request.expected_last).size() + 4;
  }
  return size;
}

}  // namespace

AppendRun::AppendRun(Session& session, StreamCatalog& catalog, std::string_view stream,
                     std::span<const AppendRequest> requests)
    : session_(session),
      catalog_(catalog),
      stream_(stream),
      requests_(requests),
      deadline_(deadline_after(session.clock(), kAppendPatience)),
      connection_(requests.size() <= kFewAppends ? session.control() : session.bulk()),
      max_payload_(connection_.max_payload()),
      slots_(requests.size()) {}

std::vector<Result<Appended>> AppendRun::run() {
  entry_ = catalog_.get(stream_);
  if (!entry_) return std::vector<Result<Appended>>(requests_.size(), entry_.error());
  {
    const nats::Replies::Ticket ticket = session_.replies_of(connection_).add(*this);
    do {
      losses_ = connection_.losses();
      send_all(ticket);
      if (requests_.size() > kFewAppends) connection_.flush(kAppendFlush);
      wait_below(0);
      fail_if_stream_is_gone();
    } while (plan_next());
  }
  std::vector<Result<Appended>> results = take_results();
  resolve_conflicts(results);
  return results;
}

// Finds which of the next messages cannot be sent. While these are looked at, the server stores those before them.
void AppendRun::check_up_to(std::size_t end) {
  for (; checked_ < std::min(end, requests_.size()); ++checked_) {
    const AppendRequest& request = requests_[checked_];
    if (entry_ && !(*entry_)->takes(request.message.subject) && !std::exchange(refreshed_, true)) {
      entry_ = catalog_.refresh(stream_);
    }
    auto fault = entry_ ? find_fault(request, **entry_) : std::optional<Error>(entry_.error());
    if (!fault) continue;
    MutexLock lock(mutex_);
    slots_[checked_].failure = std::move(fault);
  }
}

std::optional<Error> AppendRun::find_fault(const AppendRequest& request, const StreamEntry& entry) const {
  const Message& message = request.message;
  if (auto valid = check_subject(message.subject); !valid) return valid.error();
  if (auto valid = check_headers(message.headers); !valid) return valid.error();
  for (const auto& [name, value] : message.headers) {
    if (name.starts_with(kServerHeaders)) {
      return Error(ErrorCode::kInvalidArgument,
                   "header \"" + std::string(name) + "\": names that begin with Nats- belong to the server");
    }
  }
  if (request.message_id.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, "the message id holds a line break or a zero byte");
  }
  if (!entry.takes(message.subject)) {
    return Error(ErrorCode::kInvalidArgument,
                 "stream \"" + stream_ + "\" has no subject for \"" + message.subject + "\"");
  }
  if (const std::size_t size = wire_size(request); max_payload_ > 0 && size > max_payload_) {
    return Error(ErrorCode::kInvalidArgument, "the message takes " + std::to_string(size) +
                                                  " bytes with its headers, the server's max_payload is " +
                                                  std::to_string(max_payload_));
  }
  return std::nullopt;
}

void AppendRun::send_all(const nats::Replies::Ticket& ticket) {
  std::vector<std::size_t> chunk;
  for (std::size_t next = 0; next < requests_.size();) {
    if (const bool full = !take_chunk(next, chunk); full && !wait_below(kAppendWindow / 4 * 3)) return;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      if (send_one(ticket, chunk[i])) continue;
      for (std::size_t rest = i + 1; rest < chunk.size(); ++rest) take_back(chunk[rest], std::nullopt);
      return;
    }
  }
}

// Marks the next messages as in flight: one lock for many, because the answers come under the same one. False, and no
// message, when the window is full.
bool AppendRun::take_chunk(std::size_t& next, std::vector<std::size_t>& chunk) {
  chunk.clear();
  check_up_to(next + kChunk);
  MutexLock lock(mutex_);
  for (const std::size_t end = std::min(next + kChunk, slots_.size()); next < end; ++next) {
    Slot& slot = slots_[next];
    if (slot.failure || slot.state == State::kAnswered || slot.state == State::kInFlight) continue;
    if (in_flight_ >= kAppendWindow || bytes_in_flight_ >= kWindowBytes) return !chunk.empty();
    slot.state = State::kInFlight;
    if (slot.sends < std::numeric_limits<std::uint8_t>::max()) ++slot.sends;
    ++in_flight_;
    bytes_in_flight_ += requests_[next].message.payload.size();
    chunk.push_back(next);
  }
  return true;
}

void AppendRun::take_back(std::size_t index, std::optional<Error> failure) {
  MutexLock lock(mutex_);
  Slot& slot = slots_[index];
  --in_flight_;
  bytes_in_flight_ -= requests_[index].message.payload.size();
  slot.state = State::kUnsent;
  --slot.sends;
  slot.failure = std::move(failure);
}

// False when nothing more can be sent now.
bool AppendRun::send_one(const nats::Replies::Ticket& ticket, std::size_t index) {
  const AppendRequest& request = requests_[index];
  nats::Connection::ExtraHeader extra[2];
  std::size_t count = 0;
  if (!request.message_id.empty()) extra[count++] = {kIdHeader, request.message_id};
  if (request.expected_last) extra[count++] = {kExpectationHeader, std::to_string(*request.expected_last)};
  reply_.assign(ticket.prefix()).append(std::to_string(index));
  auto sent = connection_.publish(request.message, reply_.c_str(), {extra, count});
  if (sent) return true;
  const bool for_good = sent.error().code() != ErrorCode::kUnavailable;
  take_back(index, for_good ? std::optional<Error>(sent.error()) : std::nullopt);
  return for_good;
}

void AppendRun::on_reply(std::size_t index, nats::Received answer) {
  const bool nobody = answer.data().empty() && answer.no_responders();
  auto ack = nobody ? std::optional<PubAck>(PubAck{}) : parse_pub_ack(answer.data());
  MutexLock lock(mutex_);
  if (!ack || index >= slots_.size() || slots_[index].state != State::kInFlight) return;
  Slot& slot = slots_[index];
  slot.nobody = nobody;
  slot.ack = std::move(*ack);
  slot.state = nobody || is_temporary(slot.ack) ? State::kRefused : State::kAnswered;
  bytes_in_flight_ -= requests_[index].message.payload.size();
  ++answers_;
  if (--in_flight_ <= wake_at_ && waiting_) changed_.notify_all();
}

// Waits until no more than `limit` messages have no answer. False when the answers do not come.
bool AppendRun::wait_below(std::size_t limit) {
  Clock& clock = session_.clock();
  MutexLock lock(mutex_);
  wake_at_ = limit;
  std::uint64_t seen = answers_;
  SteadyTime quiet_since = clock.steady();
  SteadyTime look = quiet_since + kStep;
  while (in_flight_ > limit || (limit > 0 && bytes_in_flight_ >= kWindowBytes)) {
    waiting_ = true;
    clock.wait_until(changed_, mutex_, look, {});
    waiting_ = false;
    const SteadyTime now = clock.steady();
    if (is_over()) return false;
    if (now < look) continue;
    look = now + kStep;
    // While the connection is lost, what was sent last still waits in its buffer.
    if (answers_ != seen || !connection_.connected()) quiet_since = now;
    seen = answers_;
    if (now - quiet_since >= (connection_.losses() == losses_ ? kQuiet : kQuietAfterLoss)) return false;
  }
  return true;
}

bool AppendRun::is_over() const {
  return session_.clock().steady() >= deadline_ || !connection_.check_open();
}

// Decides for every message without a final answer; true when some are to be sent again.
bool AppendRun::plan_next() {
  const bool over = is_over();
  bool again = false;
  {
    MutexLock lock(mutex_);
    in_flight_ = 0;
    bytes_in_flight_ = 0;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].failure || slots_[i].state == State::kAnswered) continue;
      plan_slot(i, over);
      again = again || !slots_[i].failure;
    }
  }
  if (again) sleep_for(session_.clock(), kResendPause, {});
  return again;
}

void AppendRun::plan_slot(std::size_t index, bool over) {
  Slot& slot = slots_[index];
  const std::string what = "stream \"" + stream_ + "\"";
  if (slot.state == State::kInFlight) {
    if (over || requests_[index].message_id.empty()) {
      slot.failure = Error(ErrorCode::kUnknown, what + " gave no answer: the message may be stored or not");
    }
    slot.state = State::kUnsent;
  } else if (over) {
    const bool repeated = slot.sends > 1 && !slot.nobody;
    slot.failure = slot.sends == 0 ? Error(ErrorCode::kUnavailable, what + ": the connection is lost, nothing was sent")
                                   : refusal_error(slot, requests_[index].message.subject);
    if (repeated) slot.failure = Error(ErrorCode::kUnknown, slot.failure->message());
  }
}

// "Nobody listens" means an election, or that the stream is gone: the server that has no such stream says so.
void AppendRun::fail_if_stream_is_gone() {
  {
    MutexLock lock(mutex_);
    if (std::none_of(slots_.begin(), slots_.end(),
                     [](const Slot& slot) { return slot.state == State::kRefused && slot.nobody; })) {
      return;
    }
  }
  auto entry = catalog_.refresh(stream_);
  if (!entry && entry.error().code() != ErrorCode::kNotFound) return;
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].state != State::kRefused || !slots_[i].nobody) continue;
    if (!entry) {
      slots_[i].failure = entry.error();
    } else if (auto fault = find_fault(requests_[i], **entry)) {
      slots_[i].failure = std::move(*fault);
    }
  }
}

Error AppendRun::refusal_error(const Slot& slot, const std::string& subject) const {
  const std::string what = "stream \"" + stream_ + "\", subject \"" + subject + "\"";
  if (slot.nobody) return {ErrorCode::kUnavailable, what + ": no server leads the stream now"};
  return api_error(slot.ack.error, slot.ack.code, slot.ack.description, what);
}

std::vector<Result<Appended>> AppendRun::take_results() {
  std::vector<Result<Appended>> results;
  results.reserve(requests_.size());
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.failure) {
      results.emplace_back(std::move(*slot.failure));
    } else if (slot.ack.error == 0 && slot.ack.code == 0) {
      results.emplace_back(Appended{.sequence = slot.ack.sequence, .duplicate = slot.ack.duplicate});
    } else {
      results.emplace_back(refusal_error(slot, requests_[i].message.subject));
    }
  }
  return results;
}

// A message whose id is the id of what is there was stored before: by this call, when its answer was lost, or by an
// earlier one. Servers from 2.12 on look at the expectation first, so they say "conflict" where older ones say
// "duplicate".
void AppendRun::resolve_conflicts(std::vector<Result<Appended>>& results) {
  std::vector<std::size_t> which;
  std::vector<std::string> bodies;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i] || results[i].error().code() != ErrorCode::kConflict || requests_[i].message_id.empty()) continue;
    which.push_back(i);
    bodies.push_back(last_by_subject(requests_[i].message.subject));
  }
  if (which.empty()) return;
  auto found = look_up(session_, stream_, bodies);
  MutexLock lock(mutex_);
  for (std::size_t k = 0; k < which.size(); ++k) {
    const std::size_t i = which[k];
    const bool repeated = slots_[i].sends > 1;
    if (found[k] && *found[k]) {
      const FoundMessage& there = **found[k];
      if (there.server_headers.get(kIdHeader) != requests_[i].message_id) continue;
      results[i] = Appended{.sequence = there.message.sequence, .duplicate = !repeated};
    } else if (repeated) {
      results[i] = Error(ErrorCode::kUnknown, results[i].error().message() + "; the answer to the first try was lost");
    }
  }
}

}  // namespace leat::jetstream
