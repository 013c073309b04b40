// Looks at queues without touching them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/result.h"

namespace leat {

struct QueueCounts {
  std::string queue;
  Priority priority = Priority::kMedium;
  std::uint64_t pending = 0;    // never given to a worker yet
  std::uint64_t unsettled = 0;  // with a worker now, or waiting for a retry
  bool paused = false;          // the queue, in all its priorities (leat/queue_control.h)
};

// What is known of one job.
struct JobStatus {
  enum class State {
    kUnknown,    // never pushed, or finished without a record: pushed without PushOptions::track and KeepResult
    kWaiting,    // for other jobs (PushOptions::after)
    kScheduled,  // for its time
    kPending,    // for a worker
    kRunning,    // with a worker
    kRetrying,   // for its next attempt, at `due`
    kDone,
    kDead,
    kCancelled,
  } state = State::kUnknown;
  struct Attempt {
    unsigned number = 0;
    SystemTime at{};  // when it failed
    std::string worker;
    std::string error;
  };

  std::string kind{};                       // while it is there, and when it is a dead letter
  std::optional<SystemTime> enqueued_at{};  // the same
  unsigned attempts = 0;                    // that have ended, or that it took
  std::vector<Attempt> failures{};          // the newest 20, oldest first; gone when the job is done
  std::optional<SystemTime> due{};          // kRetrying
  std::string worker{};                     // kRunning: who has it
  std::optional<SystemTime> finished_at{};  // kDone, kDead, kCancelled
  std::string error{};                      // kDead, kCancelled
  std::uint64_t dead_letter = 0;            // kDead: its number (leat/dead_letters.h), unless it is gone
};

struct StatusOptions {
  // Who may have the job is asked, and waited for so long. Without it a job that has been given to a worker and does
  // not wait for a retry counts as running.
  std::chrono::milliseconds ask{0};
};

// Thread-safe. Borrows the broker, which must outlive it.
class Inspector {
 public:
  explicit Inspector(Broker& broker, std::string name_space = "leat");
  ~Inspector();

  // Every queue that a program of this namespace has pushed to or worked on: three rows each, by name and priority.
  Result<std::vector<QueueCounts>> queues();
  // A few look-ups by name, whatever the number of jobs. Errors: kInvalidArgument (a job of the bulk lane, which has no
  // place of its own).
  Result<JobStatus> job(const JobId& id, const StatusOptions& options = {});
  // How many dead letters a queue has.
  Result<std::uint64_t> dead(std::string_view queue);

 private:
  class Facts;
  std::unique_ptr<Facts> facts_;
};

}  // namespace leat
