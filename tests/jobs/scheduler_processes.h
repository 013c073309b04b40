// Processes that only schedule, as `leat scheduler` does: who of them leads, and how they end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/jobs/jobs_suite.h"
#include "tests/support/child_process.h"

namespace leat::test {

// The role of such a process: `scheduler ADDRESS NAME`. Prints "ready", and schedules until SIGTERM.
int run_scheduler(const std::string& address, const std::string& name);

// Not thread-safe.
class SchedulerProcesses {
 public:
  SchedulerProcesses(std::string address, Broker& broker);

  // Starts one more; its number.
  std::size_t start();
  // Ends it, and says what wait(2) said.
  int end(std::size_t number, int signal);
  void freeze(std::size_t number);
  void thaw(std::size_t number);
  void thaw_all();
  // Those that were started and not ended.
  std::vector<std::size_t> alive() const;
  bool is_frozen(std::size_t number) const { return processes_.at(number).frozen; }
  // Who leads, as the leader's record says: it may be dead, or have been ended.
  std::optional<std::size_t> leader();
  // Waits for a leader that is alive, and not `other_than`.
  std::optional<std::size_t> wait_for_leader(std::optional<std::size_t> other_than, Duration patience);

 private:
  struct Process {
    std::unique_ptr<ChildProcess> child;  // null when it was ended
    bool frozen = false;
  };

  const std::string address_;
  std::unique_ptr<KeyValue> leader_records_;
  std::vector<Process> processes_;
};

}  // namespace leat::test
