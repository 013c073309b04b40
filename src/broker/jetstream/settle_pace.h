// How far the server is with the settlements that it was sent.
//
// It puts them into a queue of its own, beside its deliveries. Where it delivers faster than it gets through that
// queue, tens of thousands of messages are neither waiting nor settled, and each of them makes the next one dearer
// (measured on 2.15 with two cores: a fifth of the throughput). So now and then a settlement asks for an answer, and
// nothing more is pulled while too many are on their way.
#pragma once

#include <functional>
#include <string>

#include "broker/jetstream/session.h"

namespace leat::jetstream {

// Thread-safe. The session must outlive it.
class SettlePace : private nats::ReplySink {
 public:
  // `on_progress` is called on a thread of nats.c.
  SettlePace(Session& session, std::function<void()> on_progress);

  // So many settlements are sent now, over the bulk connection. The reply subject for the last of them; empty when the
  // server need not say anything yet.
  std::string sending(std::size_t count) LEAT_EXCLUDES(mutex_);
  bool is_behind() LEAT_EXCLUDES(mutex_);
  // What was sent is lost, or will not be answered.
  void forget() LEAT_EXCLUDES(mutex_);

 private:
  void on_reply(std::size_t index, nats::Received answer) override LEAT_EXCLUDES(mutex_);

  Clock& clock_;
  const std::function<void()> on_progress_;
  Mutex mutex_;
  std::uint64_t sent_ LEAT_GUARDED_BY(mutex_) = 0;
  std::uint64_t asked_ LEAT_GUARDED_BY(mutex_) = 0;     // up to here the server was asked
  std::uint64_t answered_ LEAT_GUARDED_BY(mutex_) = 0;  // up to here it has said that it is done
  SteadyTime heard_ LEAT_GUARDED_BY(mutex_){};          // when it last said so, or was first asked
  const nats::Replies::Ticket ticket_;                  // last: ends before what its calls use
};

}  // namespace leat::jetstream
