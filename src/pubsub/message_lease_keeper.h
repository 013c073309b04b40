// Renews the leases of messages that wait for a callback or are in one, from a thread of its own: no callback can keep
// it from doing so.
//
// A lease that could not be renewed in time is lost: another subscriber may have the message.
#pragma once

#include <memory>
#include <vector>

#include "core/thread.h"
#include "leat/log.h"
#include "pubsub/message_ledger.h"

namespace leat {

class MessageLeaseKeeper {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    MessageLedger& ledger;
    const std::vector<std::unique_ptr<MessageSource>>& sources;
  };

  explicit MessageLeaseKeeper(const Parts& parts) : parts_(parts) {}

  void start();
  void stop();

 private:
  void run(const std::stop_token& stop);
  void renew(MessageSource& source);
  void learn(HeldMessage& message, const Result<void>& extended, SteadyTime renewed_until);
  Duration interval() const;

  Parts parts_;
  Thread thread_;
};

}  // namespace leat
