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

#include "jobs/endings.h"
#include "jobs/event_log.h"
#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

// One message of the scheduled stream that is ready.
struct ReadyJob {
  std::string id;
  std::uint64_t sequence = 0;
};

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
  static constexpr std::size_t kMostAtOnce = 1000;

  explicit Handoff(Parts parts) : parts_(std::move(parts)) {}

  // At most kMostAtOnce. A job that is not there any more is passed over. After an error all of it may be tried again.
  Result<void> move(std::span<const ReadyJob> jobs);

  // True when the job is on its way, as far as the claims tell.
  static Result<bool> is_claimed(KeyValue& claims, std::string_view id);

 private:
  struct Moving {
    StoredMessage job;
    AppendRequest request;
    bool dropped = false;
  };

  Result<std::vector<Moving>> read(std::span<const ReadyJob> jobs);
  Result<void> append(std::vector<Moving>& moving);
  Result<void> check_conflict(Moving& moving);
  void tell(const std::vector<Moving>& moving, SystemTime at);
  Result<void> remove(const std::vector<Moving>& moving);

  Parts parts_;
};

}  // namespace leat
