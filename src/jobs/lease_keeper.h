// Renews the leases of every job in a worker's hands, waiting, running or about to be settled, from a thread of its
// own: no handler can keep it from doing so. A second thread watches the clock while a renewal waits for its answer: no
// broker can keep it from telling a handler in time.
//
// A lease that could not be renewed in time is lost: another worker may have the job. Its handler is told by its stop
// token, and what it says counts no more. The attempt has been interrupted, and costs nothing.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/thread.h"
#include "jobs/desk.h"
#include "jobs/job_ledger.h"
#include "jobs/names.h"
#include "jobs/settler.h"
#include "leat/log.h"

namespace leat {

class LeaseKeeper {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    Names names;
    bool fenced;  // Capabilities::fenced_settle
    std::vector<std::unique_ptr<ServedQueue>>& served;
    JobLedger& ledger;
    Settler& settler;
  };

  explicit LeaseKeeper(Parts parts) : parts_(std::move(parts)) {}

  void start();
  void stop();

  // On behalf of the running job's handler (JobContext::extend_lease). Needs no thread.
  Result<void> renew_now(const HeldJob& job);

 private:
  // A handler to be stopped, once the ledger is not locked any more: it may do anything in its stop callbacks.
  struct Stopped {
    Desk* desk;
    Desk::RunId run;
  };

  void run(SteadyTime last, const std::stop_token& stop);
  void renew_all();
  void renew(Consumer& consumer, const std::vector<Lease>& leases, Duration ack_wait);
  void watch_clock(const std::stop_token& stop);
  SteadyTime give_up_overdue();
  bool was_held(const HeldJob& job) const;
  void lose(HeldJob& job, const Error& error, std::vector<Stopped>& stopped);
  static void stop_handlers(const std::vector<Stopped>& stopped);
  Duration interval() const;

  static constexpr SteadyTime kNotAsking = SteadyTime::max();

  Parts parts_;
  std::atomic<SteadyTime> asking_since_{kNotAsking};  // of all consumers, one after another
  Thread renewing_;
  Thread watching_;
};

}  // namespace leat
