// Looks at queues, jobs and workers without touching them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat {

struct QueueCounts {
  std::string queue;
  Priority priority = Priority::kMedium;
  std::uint64_t pending = 0;              // never given to a worker yet
  std::uint64_t unsettled = 0;            // with a worker now, or waiting for a retry
  std::uint64_t running = 0;              // of these: with a worker, as the workers' last heartbeats said
  std::uint64_t scheduled = 0;            // waits for its time, or for other jobs
  std::uint64_t dead = 0;                 // its dead letters
  std::optional<SystemTime> oldest = {};  // when the oldest that is not done was enqueued; scheduled ones do not count
  bool paused = false;                    // the queue, in all its priorities (leat/queue_control.h)

  std::uint64_t retrying() const { return unsettled - running; }
};

// A worker, as its last heartbeat said: every 15 s, and within a few seconds when something changes.
struct WorkerInfo {
  enum class State { kStarting, kIdle, kBusy, kStopping };
  struct Job {
    JobId id;
    std::string kind;
    unsigned attempt = 0;
    SystemTime since{};
    double progress = 0;  // 0 to 1; what JobContext::progress() was told
    std::string note{};
  };
  struct Held {
    std::string queue;
    Priority priority = Priority::kMedium;
    std::uint64_t jobs = 0;  // fetched and not settled: waiting in the worker, running, or just ended
  };

  std::string id{};  // one for every start
  std::string name{};
  std::string host{};
  int pid = 0;
  std::vector<std::string> queues{};
  unsigned concurrency = 0;
  State state = State::kStarting;
  SystemTime started_at{};
  SystemTime seen_at{};    // its last heartbeat; the worker is taken for gone a minute after it
  bool leads = false;      // it has the scheduler
  std::uint64_t done = 0;  // since it started
  std::uint64_t dead = 0;
  std::uint64_t running = 0;
  std::vector<Job> jobs{};  // that run, the 100 longest of them, the longest first
  std::vector<Held> held{};
};
// "starting", "idle", "busy", "stopping"
std::string_view to_string(WorkerInfo::State state);

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
  std::optional<SystemTime> due{};          // kScheduled, kRetrying
  std::string worker{};                     // kRunning: who has it
  double progress = 0;                      // kRunning: as of the worker's last heartbeat, 0 to 1
  std::string note{};                       // the same
  std::optional<SystemTime> finished_at{};  // kDone, kDead, kCancelled
  std::string error{};                      // kDead, kCancelled
  std::uint64_t dead_letter = 0;            // kDead: its number (leat/dead_letters.h), unless it is gone
};

struct StatusOptions {
  // Who may have the job is asked, and waited for so long: it runs where a worker says so, or, when none answers in
  // time, where a worker's last heartbeat does; else it is pending. Without it a job that has been given to a worker
  // and does not wait for a retry counts as running, as long as any worker of the namespace lives.
  std::chrono::milliseconds ask{0};
};

// Thread-safe. Borrows the broker, which must outlive it.
class Inspector {
 public:
  explicit Inspector(Broker& broker, NamespaceOptions name_space = {});
  ~Inspector();

  // Every queue that a program of this namespace has pushed to, worked on or paused: three rows each, by name and
  // priority.
  Result<std::vector<QueueCounts>> queues();
  // A few look-ups by name, whatever the number of jobs. Errors: kInvalidArgument (a job of the bulk lane, which has no
  // place of its own).
  Result<JobStatus> job(const JobId& id, const StatusOptions& options = {});
  // How many dead letters a queue has, of all priorities.
  Result<std::uint64_t> dead(std::string_view queue);
  // Every worker of the namespace that lives, by name.
  Result<std::vector<WorkerInfo>> workers();
  // The streams that the namespace's jobs are in, those that exist: how much they hold, and whether the broker has all
  // its copies.
  Result<std::vector<StreamFacts>> streams();

 private:
  class Facts;
  std::unique_ptr<Facts> facts_;
};

}  // namespace leat
