// One call of append: sends what has no answer yet, collects the answers, decides what is sent again.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/pub_ack.h"
#include "broker/jetstream/session.h"
#include "broker/jetstream/stream_catalog.h"
#include "leat/broker.h"

namespace leat::jetstream {

// One thread runs it; the answers come on another.
class AppendRun : private nats::ReplySink {
 public:
  AppendRun(Session& session, StreamCatalog& catalog, std::string_view stream, std::span<const AppendRequest> requests);

  // Once. One result per request.
  std::vector<Result<Appended>> run();

 private:
  enum class State : std::uint8_t { kUnsent, kInFlight, kRefused, kAnswered };
  struct Slot {
    State state = State::kUnsent;
    std::uint8_t sends = 0;        // saturates
    bool nobody = false;           // the last refusal: no server leads the stream, or none has it
    PubAck ack;                    // kRefused, kAnswered
    std::optional<Error> failure;  // found without or instead of an answer
  };

  void on_reply(std::size_t index, nats::Received answer) override;
  std::optional<Error> find_fault(const AppendRequest& request, const StreamEntry& entry) const;
  void check_up_to(std::size_t end);
  void send_all(const nats::Replies::Ticket& ticket);
  bool take_chunk(std::size_t& next, std::vector<std::size_t>& chunk);
  void take_back(std::size_t index, std::optional<Error> failure);
  bool send_one(const nats::Replies::Ticket& ticket, std::size_t index);
  bool wait_below(std::size_t limit);
  bool is_over() const;
  bool plan_next();
  void plan_slot(std::size_t index, bool over) LEAT_REQUIRES(mutex_);
  void fail_if_stream_is_gone();
  std::vector<Result<Appended>> take_results();
  void resolve_conflicts(std::vector<Result<Appended>>& results);
  Error refusal_error(const Slot& slot, const std::string& subject) const;

  Session& session_;
  StreamCatalog& catalog_;
  const std::string stream_;
  const std::span<const AppendRequest> requests_;
  const SteadyTime deadline_;
  nats::Connection& connection_;
  const std::size_t max_payload_;
  Result<std::shared_ptr<const StreamEntry>> entry_{std::shared_ptr<const StreamEntry>()};
  bool refreshed_ = false;   // the entry, in this call
  std::size_t checked_ = 0;  // requests before this one are
  std::string reply_;        // of the message that is being sent

  Mutex mutex_;
  CondVar changed_;
  std::vector<Slot> slots_ LEAT_GUARDED_BY(mutex_);
  std::size_t in_flight_ LEAT_GUARDED_BY(mutex_) = 0;
  std::size_t bytes_in_flight_ LEAT_GUARDED_BY(mutex_) = 0;
  bool waiting_ LEAT_GUARDED_BY(mutex_) = false;
  std::size_t wake_at_ LEAT_GUARDED_BY(mutex_) = 0;
  std::uint64_t answers_ LEAT_GUARDED_BY(mutex_) = 0;
  std::uint64_t losses_ = 0;  // of the connection, when this round began
};

}  // namespace leat::jetstream
