// A worker with its own view of the broker, which a test can disturb.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "broker/fault_broker.h"
#include "leat/worker.h"
#include "tests/support/watched_broker.h"

namespace leat::test {

// Thread-safe but for the end.
class DisturbedWorker {
 public:
  // Starts it. Throws leat::Error.
  DisturbedWorker(std::shared_ptr<Broker> broker, DeliveryLog& log, const WorkerOptions& options,
                  std::function<Outcome(JobContext&, DisturbedWorker&)> handler);

  BrokerView& view() { return view_; }
  Worker& worker() { return *worker_; }
  void stop();
  // False once it has been stopped: its lease keeper looks no more.
  bool is_started() const { return is_started_; }

  // From now on it is as if its process were gone. What it still does changes nothing, and it loses what it has at the
  // next renewal.
  void cut_off();
  bool is_cut_off() const { return cut_; }

  enum class Renewals { kWork, kFail, kAnswersGetLost, kLeasesAreGone };
  void set_renewals(Renewals renewals) { renewals_ = renewals; }
  // No lease can be ended any more.
  void fail_settlements() { settlements_fail_ = true; }

  // The same once.
  enum class Trouble {
    kSettlementFails,
    kReadFails,
    kWriteFails,
    kWriteAnswerGetsLost,
    kWriteHappensTwice,
    kWriteIsUnsure,  // its answer is lost, and it cannot be found out
  };
  static constexpr std::uint32_t kTroubles = 6;
  void cause(Trouble trouble) { troubles_ |= bit(trouble); }

 private:
  static std::uint32_t bit(Trouble trouble) { return 1U << static_cast<std::uint32_t>(trouble); }
  bool happens(Trouble trouble) { return (troubles_.fetch_and(~bit(trouble)) & bit(trouble)) != 0; }
  Fault fault_of(Operation operation);
  Fault fault_of_renewal() const;
  Fault fault_of_write();

  std::atomic<bool> cut_{false};
  std::atomic<bool> settlements_fail_{false};
  std::atomic<Renewals> renewals_{Renewals::kWork};
  std::atomic<std::uint32_t> troubles_{0};
  bool is_started_ = true;
  BrokerView view_;
  Faults faults_;
  std::unique_ptr<Broker> broker_;
  std::optional<Worker> worker_;
};

}  // namespace leat::test
