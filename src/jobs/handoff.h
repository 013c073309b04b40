// Moves jobs from where they waited to their queues: claimed, appended, removed, released.
//
// The claim says which jobs are on their way, so that who cancels one waits until it lies in one place. The message id
// and a header name where the job came from: an append that is repeated, by the same leader or by the next one, finds
// itself. Only who leads may call it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "jobs/claim_record.h"
#include "jobs/event_log.h"
#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

class Handoff {
 public:
  struct Parts {
    Broker& broker;
    Names names;
    KeyValue& claims;
    EventLog& events;
    Log& log;
    std::function<bool()> still_leads;
  };
  static constexpr std::size_t kMostAtOnce = 4000;
  // The same of messages that lie one after another in their stream, without a gap and in order: brokers remove many of
  // those far faster.
  static constexpr std::size_t kMostInARow = 16'000;

  explicit Handoff(Parts parts);

  struct Moved {
    std::vector<std::uint64_t> kept;  // that wait on, because their unique keys are taken
    std::size_t bytes = 0;            // of all that were read
  };
  // Messages of the scheduled stream, at most kMostAtOnce or kMostInARow. One that is not there any more is passed
  // over; one that the broker refuses in its queue is logged and left where it is. After an error all of it may be
  // tried again.
  Result<Moved> move(std::span<const std::uint64_t> sequences);
  // Brings to its end what a leader that died has left claimed. Before the first move.
  Result<void> release_old_claim();

  // Whether one of these messages is on its way; or was, when somebody else removed it, and it has been moved all the
  // same.
  enum class Claim { kNone, kClaimed, kMoved };
  static Result<Claim> claim_of(KeyValue& claims, std::span<const std::uint64_t> sequences);

 private:
  struct Moving {
    StoredMessage job;
    AppendRequest request;
    enum class End { kFailed, kMoved, kDropped, kKept, kRefused } end = End::kFailed;
    bool overtaken = false;  // somebody else has removed it, or may have
    std::size_t bytes = 0;   // of its payload
    bool stays() const { return end != End::kMoved && end != End::kDropped; }
  };

  class Run;

  std::string record(std::span<const std::uint64_t> claimed) const;
  void note_overtaken(std::uint64_t sequence);
  Result<std::vector<std::uint64_t>> gone_of(std::span<const std::uint64_t> sequences);
  Result<void> end_later_versions(std::span<const std::uint64_t> gone, SystemTime claimed_at);
  Result<std::map<std::uint64_t, std::uint64_t>> later_versions(std::span<const std::uint64_t> gone,
                                                                SystemTime claimed_at);
  std::vector<Moving> prepare(std::vector<StoredMessage> jobs);
  Result<Moving> prepare(StoredMessage& job) const;
  std::string message_id(std::uint64_t sequence) const;
  void tell_refused(const StoredMessage& job, const Error& error);
  Result<void> append(std::vector<Moving>& moving);
  Result<void> end_append(Moving& moving, const Result<Appended>& appended);
  Result<void> look_at_conflict(Moving& moving);
  Moving::End end_beside(const Moving& moving, const StoredMessage& there);
  void tell(const std::vector<Moving>& moving, SystemTime at);
  Result<void> remove(std::vector<Moving>& moving);
  Result<void> remove_later_versions(std::span<const Moving* const> moving);

  Parts parts_;
  ClaimRecord claim_;
  std::deque<std::uint64_t> overtaken_;  // the newest ones, also of leaders before
};

}  // namespace leat
