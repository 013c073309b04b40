#include "pubsub/message_buffer.h"

#include <algorithm>

namespace leat {

MessageBuffer::MessageBuffer(Clock& clock, std::size_t sources, std::size_t room, KeyOf key)
    : clock_(clock), room_(room), key_(std::move(key)), waiting_(sources, 0), emptied_(sources, false) {}

std::size_t MessageBuffer::room(std::size_t source) const {
  return room_ - std::min(room_, waiting_[source]);
}

std::size_t MessageBuffer::wait_for_room(std::size_t source, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  room_changed_.wait(mutex_, stop, [&]() LEAT_REQUIRES(mutex_) { return closed_ || waiting_[source] <= room_ / 2; });
  return closed_ || stop.stop_requested() ? 0 : room(source);
}

bool MessageBuffer::put(std::size_t source, std::span<HeldMessage* const> messages) {
  std::vector<std::string> keys;  // the user's function is called outside the lock
  if (key_) {
    keys.reserve(messages.size());
    for (const HeldMessage* message : messages) keys.push_back(key_(message->delivery.message));
  }
  MutexLock lock(mutex_);
  if (emptied_[source]) return false;
  waiting_[source] += messages.size();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!key_ || closed_ || lanes_.enter(*messages[i], std::move(keys[i]))) ready_.push_back(messages[i]);
  }
  if (messages.size() == 1) {
    ready_changed_.notify_one();
  } else {
    ready_changed_.notify_all();
  }
  return true;
}

void MessageBuffer::admit_due() {
  while (!later_.empty() && later_.begin()->first <= clock_.steady()) {
    ready_.push_back(later_.begin()->second);
    later_.erase(later_.begin());
  }
}

bool MessageBuffer::take(std::vector<HeldMessage*>& out, std::size_t most, SteadyTime deadline,
                         const std::stop_token& stop) {
  out.clear();
  MutexLock lock(mutex_);
  while (true) {
    if (closed_) return false;
    admit_due();
    if (!ready_.empty()) break;
    if (stop.stop_requested() || clock_.steady() >= deadline) return true;
    const SteadyTime next = later_.empty() ? deadline : std::min(deadline, later_.begin()->first);
    clock_.wait_until(ready_changed_, mutex_, next, stop);
  }
  bool room_appears = false;
  while (!ready_.empty() && out.size() < most) {
    out.push_back(ready_.front());
    ready_.pop_front();
    room_appears |= --waiting_[out.back()->batch->source.number] == room_ / 2;
  }
  if (room_appears) room_changed_.notify_all();
  if (!ready_.empty()) ready_changed_.notify_one();
  return true;
}

void MessageBuffer::make_ready(HeldMessage& message) {
  ready_.push_back(&message);
  ready_changed_.notify_one();
}

void MessageBuffer::done(HeldMessage& message) {
  if (!key_) return;
  MutexLock lock(mutex_);
  HeldMessage* next = lanes_.leave(message);
  if (next != nullptr && !closed_) make_ready(*next);
}

bool MessageBuffer::come_again(HeldMessage& message, Duration delay) {
  MutexLock lock(mutex_);
  if (closed_) return false;
  ++waiting_[message.batch->source.number];
  ++message.again;
  message.kept = message.turn();
  if (delay <= Duration{0}) {
    make_ready(message);
  } else {
    later_.emplace(deadline_after(clock_, delay), &message);
    ready_changed_.notify_all();  // the next one may be due earlier than what they wait for
  }
  return true;
}

void MessageBuffer::close(std::optional<Error> error) {
  MutexLock lock(mutex_);
  if (closed_) return;
  error_ = std::move(error);
  closed_ = true;
  for (const auto& [due, message] : later_) ready_.push_back(message);
  later_.clear();
  std::vector<HeldMessage*> behind;
  lanes_.take_waiting(behind);
  ready_.insert(ready_.end(), behind.begin(), behind.end());
  ready_changed_.notify_all();
  room_changed_.notify_all();
}

std::vector<HeldMessage*> MessageBuffer::empty(std::size_t source) {
  MutexLock lock(mutex_);
  emptied_[source] = true;
  const auto others = std::stable_partition(ready_.begin(), ready_.end(), [source](const HeldMessage* message) {
    return message->batch->source.number == source;
  });
  std::vector<HeldMessage*> waiting(ready_.begin(), others);
  ready_.erase(ready_.begin(), others);
  // In their order, so that they come again in it.
  std::sort(waiting.begin(), waiting.end(), [](const HeldMessage* a, const HeldMessage* b) {
    return a->delivery.message.sequence < b->delivery.message.sequence;
  });
  return waiting;
}

std::optional<Error> MessageBuffer::error() const {
  MutexLock lock(mutex_);
  return error_;
}

}  // namespace leat
