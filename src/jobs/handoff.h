// Moves jobs from where they waited to their queues: claimed, appended, removed, released.
//
// The claim says which jobs are on their way, so that who cancels one waits until it lies in one place. The message id
// and a header name where the job came from: an append that is repeated, by the same leader or by the next one, finds
// itself. Only who leads may call it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "jobs/claim_record.h"
#include "jobs/endings.h"
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
    Endings& endings;
    EventLog& events;
    Log& log;
    std::function<bool()> still_leads;
  };
  static constexpr std::size_t kMostAtOnce = 4000;

  explicit Handoff(Parts parts);

  struct Moved {
    std::vector<std::uint64_t> kept;  // that wait on, because their unique keys are taken
    std::size_t bytes = 0;            // of all that were read
  };
  // Messages of the scheduled stream, at most kMostAtOnce. One that is not there any more is passed over. After an
  // error all of it may be tried again.
  Result<Moved> move(std::span<const std::uint64_t> sequences);
  // What a leader that died has left claimed is free again. Before the first move.
  Result<void> release_old_claim();

  // Whether the message is on its way, or has been moved by the newest move.
  enum class Claim { kNone, kClaimed, kMoved };
  static Result<Claim> claim_of(KeyValue& claims, std::uint64_t sequence);

 private:
  struct Moving {
    StoredMessage job;
    AppendRequest request;
    enum class End { kMoved, kDropped, kKept } end = End::kMoved;
  };

  class Removals;

  Result<void> write_claim(std::span<const std::uint64_t> claimed, std::span<const std::uint64_t> moved);
  Result<void> move_chunks(std::span<const std::uint64_t> sequences, Removals& removals);
  Result<std::vector<Moving>> read(std::span<const std::uint64_t> sequences);
  Result<Moving> prepare(StoredMessage job) const;
  Result<void> append(std::vector<Moving>& moving);
  Result<void> check_conflict(Moving& moving);
  void tell(const std::vector<Moving>& moving, SystemTime at);
  Result<void> remove(const std::vector<Moving>& moving);
  Result<void> remove_later_version(const Moving& moving);

  Parts parts_;
  ClaimRecord claim_;
};

}  // namespace leat
