// One subscription for the answers to many requests: each answer goes to whoever sent the request.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "nats/connection.h"
#include "nats/subscription.h"

namespace leat::nats {

// Gets answers, one call at a time, on a thread of nats.c.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // `index` is the number at the end of the reply subject.
  virtual void on_reply(std::size_t index, Received answer) = 0;
};

// Thread-safe. The connection must outlive it, and it its tickets.
class Replies : private MessageSink {
 public:
  // The right to get answers under a prefix of reply subjects, until it dies; then no call is under way.
  class Ticket {
   public:
    Ticket(Replies& owner, std::uint64_t id, std::string prefix)
        : owner_(&owner), id_(id), prefix_(std::move(prefix)) {}
    Ticket(Ticket&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_), prefix_(std::move(other.prefix_)) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (owner_ != nullptr) owner_->remove(id_);
    }
    // Followed by a decimal number it is a reply subject.
    const std::string& prefix() const { return prefix_; }

   private:
    Replies* owner_;
    std::uint64_t id_;
    std::string prefix_;
  };

  // Errors: kUnavailable.
  static Result<std::unique_ptr<Replies>> open(Connection& connection);

  Ticket add(ReplySink& sink);

 private:
  Replies() = default;
  void on_message(Received message) override;
  void remove(std::uint64_t id);

  std::string prefix_;
  Mutex mutex_;
  std::uint64_t next_id_ LEAT_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, ReplySink*> sinks_ LEAT_GUARDED_BY(mutex_);
  std::unique_ptr<Subscription> subscription_;  // last: ends before what its calls use
};

struct Request {
  std::string subject;
  std::string body;
};

// Sends all requests, a window of them without an answer at one time, and waits for the answers: N requests cost one
// round trip. Gives up when no answer came for `quiet`. One result per request, in order. Errors: kUnavailable (not
// sent, nobody listens), kUnknown (no answer).
std::vector<Result<Received>> request_all(Connection& connection, Replies& replies, std::span<const Request> requests,
                                          std::chrono::milliseconds quiet);

}  // namespace leat::nats
