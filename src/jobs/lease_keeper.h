// Renews the leases of every job in a worker's hands, waiting, running or about to be settled, from a thread of its
// own: no handler can keep it from doing so.
//
// A lease that could not be renewed in time is lost: another worker may have the job. Its handler is told by its stop
// token, and what it says counts no more. The attempt has been interrupted, and costs nothing.
#pragma once

#include <memory>
#include <vector>

#include "core/thread.h"
#include "jobs/desk.h"
#include "jobs/job_ledger.h"
#include "jobs/settler.h"
#include "leat/log.h"

namespace leat {

class LeaseKeeper {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    std::vector<std::unique_ptr<ServedQueue>>& served;
    JobLedger& ledger;
    Settler& settler;
  };

  explicit LeaseKeeper(const Parts& parts) : parts_(parts) {}

  void start();
  void stop();

 private:
  void run(const std::stop_token& stop);
  void renew(Consumer& consumer, const std::vector<Lease>& leases, Duration ack_wait);
  void lose(HeldJob& job, const Error& error);
  Duration interval() const;

  Parts parts_;
  Thread thread_;
};

}  // namespace leat
