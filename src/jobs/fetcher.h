// Brings jobs of one subscription from the broker to the ready queue: a thread for each queue and priority.
#pragma once

#include "core/thread.h"
#include "jobs/attempt_book.h"
#include "jobs/control_watch.h"
#include "jobs/job_ledger.h"
#include "jobs/ready_queue.h"
#include "jobs/settler.h"
#include "leat/log.h"

namespace leat {

class Fetcher {
 public:
  struct Parts {
    Broker& broker;
    ServedQueue& served;
    const ConsumerConfig subscription;  // to open it again if somebody deletes it
    std::size_t lane;                   // of the ready queue
    JobLedger& ledger;
    ReadyQueue& ready;
    AttemptBook& attempts;
    Settler& settler;
    ControlWatch& pauses;
    Log& log;
  };

  explicit Fetcher(Parts parts) : parts_(std::move(parts)) {}

  void start();
  void request_stop() { thread_.request_stop(); }
  // Waits for the thread and gives back what the subscription holds ahead.
  void stop();

  // Instead of start(): takes on the calling thread up to `count` jobs that are due, past the ready queue. Nothing
  // while the queue is paused. One that came before its time goes to the settler instead.
  Result<std::vector<HeldJob*>> take_now(std::size_t count, std::chrono::milliseconds max_wait);

 private:
  void run(const std::stop_token& stop);
  void hold_back(const std::stop_token& stop);
  void fetch_into(const FetchRoom& room, const std::stop_token& stop);
  std::vector<HeldJob*> hold(std::vector<Delivery> deliveries);
  void recover(const Error& error, const std::stop_token& stop);

  Parts parts_;
  SteadyTime fetched_at_{};  // of the machine's clock
  Thread thread_;
};

}  // namespace leat
