// Reads and writes attempt records for the jobs in a worker's hands, in batches.
//
// Who has the job writes its record, at the revision that was read; nobody else does, with one exception. A worker that
// has lost the job under its handler takes its own start mark back, so that the next one does not count a crash. It has
// what is left of the lease for that, before anybody else can read the record; where another worker has written
// meanwhile it changes nothing. A worker that cannot reach the broker until another one has the job cannot be told from
// a dead one by that other one: this is counted as a crash.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "jobs/held_job.h"
#include "jobs/job_ledger.h"
#include "jobs/names.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

// Thread-safe; a job's record is touched by one thread at a time, the one that has the job in hand.
class AttemptBook {
 public:
  struct Parts {
    Clock& clock;
    Names names;
    std::string worker;
    JobLedger& ledger;
    Log& log;
  };

  AttemptBook(std::unique_ptr<KeyValue> bucket, Parts parts) : parts_(std::move(parts)), bucket_(std::move(bucket)) {}

  // Reads the records of jobs that were, or may have been, delivered before, and counts crashes. Returns those that
  // came before their time. So counts, too, a job whose record cannot be read now, or has a mark that this worker knows
  // to be no crash.
  std::vector<HeldJob*> load(std::span<HeldJob* const> jobs);

  // Marks that an attempt begins: only for jobs that were delivered before. Errors: kLeaseLost (somebody else has the
  // job), kUnavailable.
  Result<void> mark_started(HeldJob& job);

  // Writes the records as they are now. One result per job; kLeaseLost as above.
  std::vector<Result<void>> store(std::span<HeldJob* const> jobs);

  // What this delivery of the job began was interrupted, and is no crash. Remembers that until the record says so too;
  // the job may be gone by then.
  void note_interruption(const HeldJob& job) LEAT_EXCLUDES(mutex_);
  // Takes back the start marks of all that was noted, where they still stand. What does not work now stays noted.
  void store_interruptions() LEAT_EXCLUDES(mutex_);
  bool owes_interruptions() const LEAT_EXCLUDES(mutex_);

  // Removes the records of these jobs, as they were last written. A record that stays behind is found out by its
  // sequence.
  void erase(std::span<HeldJob* const> jobs);

  const std::string& worker() const { return parts_.worker; }

 private:
  // A delivery to this worker whose start mark is to go.
  struct Interruption {
    std::string key;
    std::uint64_t sequence = 0;
    std::uint32_t delivery = 0;

    bool operator==(const Interruption&) const = default;
  };

  std::string key_of(const HeldJob& job) const;
  void take_in(HeldJob& job, const KeyEntry& entry) const LEAT_EXCLUDES(mutex_);
  Result<void> settle_conflict(HeldJob& job, const std::string& key, const KeyWrite& write);
  bool has_own_mark(const AttemptRecord& record, std::uint64_t sequence, std::uint32_t delivery) const;
  bool knows_better(const HeldJob& job, const std::string& key, const AttemptRecord& record) const
      LEAT_EXCLUDES(mutex_);
  std::vector<Interruption> take_back(std::span<const Interruption> interruptions);

  Parts parts_;
  std::unique_ptr<KeyValue> bucket_;
  mutable Mutex mutex_;
  std::vector<Interruption> interruptions_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat
