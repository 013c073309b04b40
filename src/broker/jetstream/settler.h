// Ends and extends leases: publishes to the reply subjects of deliveries.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "broker/jetstream/session.h"
#include "broker/jetstream/settle_pace.h"
#include "leat/consumer.h"

namespace leat::jetstream {

// Thread-safe. Session and pace must outlive it.
class Settler {
 public:
  Settler(Session& session, SettlePace& pace) : session_(session), pace_(pace) {}

  // As Consumer::settle(). Unconfirmed ones leave within 1 ms.
  std::vector<Result<void>> settle(std::span<const Settlement> settlements);

  // Restarts the leases with these reply subjects; one result per subject, confirmed by the server.
  std::vector<Result<void>> extend(std::span<const std::string> subjects);

  // Naks without delay; returns when the server has read them.
  void give_back(std::span<const std::string> subjects);

 private:
  void confirm(std::span<const Settlement> settlements, std::span<const std::size_t> which,
               std::vector<Result<void>>& results);

  Session& session_;
  SettlePace& pace_;
};

}  // namespace leat::jetstream
