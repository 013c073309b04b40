// Reads and writes attempt records for the jobs in a worker's hands, in batches.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "jobs/held_job.h"
#include "jobs/names.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

// Thread-safe; a job's record is touched by one thread at a time, the one that has the job in hand.
class AttemptBook {
 public:
  AttemptBook(std::unique_ptr<KeyValue> bucket, Clock& clock, Names names, std::string worker, Log& log);

  // Reads the records of jobs that were delivered before, and counts crashes. Returns those that came before their
  // time. A job whose record cannot be read now counts as early too.
  std::vector<HeldJob*> load(std::span<HeldJob* const> jobs);

  // Marks that an attempt begins: only for jobs that were delivered before. Errors: kLeaseLost (somebody else has the
  // job), kUnavailable.
  Result<void> mark_started(HeldJob& job);

  // Writes the records as they are now. One result per job; kLeaseLost as above.
  std::vector<Result<void>> store(std::span<HeldJob* const> jobs);
  // Removes the records of these jobs, as they were last written. A record that stays behind is found out by its
  // sequence.
  void erase(std::span<HeldJob* const> jobs);

  const std::string& worker() const { return worker_; }

 private:
  std::string key_of(const HeldJob& job) const;
  void take_in(HeldJob& job, const KeyEntry& entry) const;
  Result<void> settle_conflict(HeldJob& job, const std::string& key, const KeyWrite& write);

  std::unique_ptr<KeyValue> bucket_;
  Clock& clock_;
  Names names_;
  std::string worker_;
  Log& log_;
};

}  // namespace leat
