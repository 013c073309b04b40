// What is left of a job that has ended: its result for who asked for one, its done record for the jobs that wait for
// it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/mutex.h"
#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/log.h"
#include "leat/results.h"

namespace leat {

// How one job ended.
struct EndedJob {
  const Message* job = nullptr;  // says by its headers what is to be kept
  std::string id;
  JobResult result;
};

// What is to be kept of this job.
bool keeps_result(const Message& job);
bool is_tracked(const Message& job);
inline bool leaves_something(const Message& job) {
  return keeps_result(job) || is_tracked(job);
}

// Thread-safe.
class Endings {
 public:
  Endings(Broker& broker, Names names) : broker_(broker), names_(std::move(names)) {}

  // Opens what is written to, which else happens when it is first needed, and nothing is said of drift then.
  Result<KeyValue*> open(Log& drift = no_log()) LEAT_EXCLUDES(mutex_);
  // One answer per ending; done twice changes nothing. Errors: kInvalidArgument (the value cannot be stored), and those
  // of the broker.
  std::vector<Result<void>> write(std::span<const EndedJob> endings);

  // What an earlier job has left under an id. Who takes the id into use again reads it before, and clears it away when
  // the new job is stored: what is newer stays.
  struct Left {
    std::string id;
    std::uint64_t result = 0;  // its revision; 0: none
    std::uint64_t record = 0;  // its sequence; 0: none
  };
  // One per id, in order. Best effort, both.
  std::vector<Left> left_by(std::span<const JobId> ids);
  void clear(std::span<const Left> left);

 private:
  void write_results(std::span<const EndedJob> endings, std::vector<Result<void>>& answers);
  void write_records(std::span<const EndedJob> endings, std::vector<Result<void>>& answers);

  Broker& broker_;
  Names names_;
  Mutex mutex_;
  std::unique_ptr<KeyValue> results_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
