// Moves a job that failed for good to the dead letters: copies it there first, under a subject that its origin alone
// decides, so that a second try after a crash finds the copy and adds none.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "jobs/held_job.h"
#include "jobs/job_streams.h"
#include "jobs/names.h"

namespace leat {

// Thread-safe.
class Undertaker {
 public:
  Undertaker(Broker& broker, Names names, Letters letters = Letters::kKept)
      : broker_(broker), names_(std::move(names)), letters_(letters) {}

  bool keeps_letters() const { return letters_ == Letters::kKept; }
  // Of jobs whose records say what they died of. One result per job, in order; ok: the copy is stored, or none is kept.
  // One that cannot be stored whole is stored as far as it can be. Errors: as Broker::append().
  std::vector<Result<void>> bury(std::span<const HeldJob* const> jobs);

 private:
  enum class Cut { kNothing, kHistory, kError, kBadHeaders, kHeaders };  // each with those before it

  AppendRequest make_letter(const HeldJob& job, Cut cut) const;
  Result<void> bury_cut(const HeldJob& job);

  Broker& broker_;
  Names names_;
  const Letters letters_;
};

}  // namespace leat
