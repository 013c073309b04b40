// Calls handlers: the threads that run the user's code, each at a desk of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/thread.h"
#include "jobs/attempt_book.h"
#include "jobs/desk.h"
#include "jobs/ready_queue.h"
#include "jobs/settler.h"

namespace leat {

// Looked up by string_view without making a string.
struct KindHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view kind) const { return std::hash<std::string_view>{}(kind); }
};
using HandlerTable = std::unordered_map<std::string, Handler, KindHash, std::equal_to<>>;

class JobRunner {
 public:
  struct Parts {
    Clock& clock;
    const WorkerOptions& options;
    Names names;
    const HandlerTable& handlers;
    std::vector<std::unique_ptr<Desk>>& desks;
    ReadyQueue& ready;
    AttemptBook& attempts;
    Settler& settler;
    WorkerTally& tally;
  };

  explicit JobRunner(Parts parts) : parts_(std::move(parts)) {}

  void start();
  // Waits for the handlers. The ready queue is closed before.
  void stop() { threads_.stop(); }
  void request_stop() { threads_.request_stop(); }

 private:
  void run(std::size_t number, const std::stop_token& stop);
  bool refill(std::size_t number, std::vector<HeldJob*>& taken, const std::stop_token& stop);
  void run_job(Desk& desk, HeldJob& job);
  Result<void> mark_started(Desk& desk, HeldJob& job);
  Outcome call(const Handler& handler, Desk& desk, HeldJob& job);

  Parts parts_;
  ThreadPool threads_;
};

}  // namespace leat
