// Messages that have come and wait for a callback or for next(); in order for each key if there are keys.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "pubsub/key_lanes.h"

namespace leat {

// Thread-safe.
class MessageBuffer {
 public:
  using KeyOf = std::function<std::string(const StoredMessage&)>;

  // `room` is for each of the sources.
  MessageBuffer(Clock& clock, std::size_t sources, std::size_t room, KeyOf key);

  bool has_keys() const { return key_ != nullptr; }

  // Waits until half of a source's room is free, and says how much there is; 0 when it is closed or `stop` comes.
  std::size_t wait_for_room(std::size_t source, const std::stop_token& stop);
  // False when the source is emptied for good: the messages stay with the caller.
  bool put(std::size_t source, std::span<HeldMessage* const> messages);

  // Waits for the first message and takes up to `most`; none when the deadline or `stop` comes first. False when it is
  // closed.
  bool take(std::vector<HeldMessage*>& out, std::size_t most, SteadyTime deadline, const std::stop_token& stop);
  // A message that was taken has its verdict: the next of its key may go.
  void done(HeldMessage& message);
  // A message that was taken comes again after `delay`, before the others of its key. False when it is closed.
  bool come_again(HeldMessage& message, Duration delay);

  // Gives nothing more to anybody. The first error counts. Any number of times.
  void close(std::optional<Error> error);
  // After close(), once no more of a source come: all of them that wait, by sequence. From now on it takes none.
  std::vector<HeldMessage*> empty(std::size_t source);
  bool closed() const { return closed_; }
  std::optional<Error> error() const;

 private:
  void admit_due() LEAT_REQUIRES(mutex_);
  void make_ready(HeldMessage& message) LEAT_REQUIRES(mutex_);
  std::size_t room(std::size_t source) const LEAT_REQUIRES(mutex_);

  Clock& clock_;
  const std::size_t room_;
  const KeyOf key_;

  mutable Mutex mutex_;
  CondVar ready_changed_;
  CondVar room_changed_;
  std::deque<HeldMessage*> ready_ LEAT_GUARDED_BY(mutex_);
  KeyLanes lanes_ LEAT_GUARDED_BY(mutex_);
  std::multimap<SteadyTime, HeldMessage*> later_ LEAT_GUARDED_BY(mutex_);  // by the time when they come again
  std::vector<std::size_t> waiting_ LEAT_GUARDED_BY(mutex_);               // of each source
  std::vector<bool> emptied_ LEAT_GUARDED_BY(mutex_);                      // for good
  std::atomic<bool> closed_{false};                                        // changed with the lock held
  std::optional<Error> error_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
