// What became of the jobs that a test worker ran: begun here, told by the settler, taken by who asked for the run.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "jobs/names.h"
#include "jobs/settler.h"
#include "leat/test_worker.h"

namespace leat {

// Not thread-safe.
class RunLog {
 public:
  explicit RunLog(Names names) : names_(std::move(names)) {}

  enum class Called { kNo, kYes };
  // The job was given to the runner, which called its handler or not.
  void begun(const HeldJob& job, Called called);
  // Others than those that were begun are passed over.
  void settled(const SettledJob& job);

  // The oldest one that is settled.
  std::optional<JobRun> take();

 private:
  Names names_;
  std::unordered_map<const HeldJob*, JobRun> begun_;
  std::deque<JobRun> settled_;
};

}  // namespace leat
