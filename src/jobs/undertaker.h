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

struct Death {
  const HeldJob* job = nullptr;
  std::string_view reason;  // DeadLetter::reason
  std::string error;
};

// Thread-safe.
class Undertaker {
 public:
  Undertaker(Broker& broker, Names names, Letters letters = Letters::kKept)
      : broker_(broker), names_(std::move(names)), letters_(letters) {}

  bool keeps_letters() const { return letters_ == Letters::kKept; }
  // One result per death, in order; ok: the copy is stored, or none is kept. Errors: as Broker::append().
  std::vector<Result<void>> bury(std::span<const Death> deaths);

 private:
  AppendRequest make_letter(const Death& death) const;

  Broker& broker_;
  Names names_;
  const Letters letters_;
};

}  // namespace leat
