// What became of jobs whose result was asked for (PushOptions::result).
//
// Of a job's newest run: a unique key that is used again, and a dead letter that is retried, take away what was kept.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "leat/broker.h"
#include "leat/job.h"
#include "leat/namespace_options.h"
#include "leat/result.h"

namespace leat {

struct JobResult {
  enum class State { kDone, kDead, kCancelled } state = State::kDone;
  std::string value;      // kDone: what the handler returned
  std::string error;      // else: why not
  unsigned attempts = 0;  // that ended; 0 for a job that ended before its first
  SystemTime finished_at{};
  SystemTime enqueued_at{};  // to the millisecond; 1970 when it is not known
};

// Thread-safe. Borrows the broker, which must outlive it.
class Results {
 public:
  explicit Results(Broker& broker, NamespaceOptions name_space = {});
  ~Results();

  // Empty while the job is not finished, was pushed without KeepResult::kYes, or its result's time is over.
  Result<std::optional<JobResult>> get(const JobId& id);

  // Waits up to `max_wait` for it; empty when it did not come, or `stop` was requested.
  Result<std::optional<JobResult>> wait(const JobId& id, std::chrono::milliseconds max_wait, std::stop_token stop = {});

 private:
  class Store;
  std::unique_ptr<Store> store_;
};

}  // namespace leat
