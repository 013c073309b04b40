// Brings dead letters back into their queues: enqueues the job again under the same id, then removes the letter.
//
// A crash between the two leaves both. The job carries the name of its letter, and its message id is made of that name:
// so a second try finds that the job waits already, and only removes the letter.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "jobs/endings.h"
#include "jobs/names.h"
#include "leat/broker.h"
#include "leat/dead_letters.h"

namespace leat {

// Thread-safe. Borrows the broker and the names.
class DeadLetterReviver {
 public:
  DeadLetterReviver(Broker& broker, const Names& names) : broker_(broker), names_(names), endings_(broker, names) {}

  // One result per letter, in order. An error means that the letter is still there. Errors: as DeadLetters::retry().
  std::vector<Result<JobId>> revive(std::span<const StoredMessage> letters, const DeadLetterEdit& edit = {});

 private:
  struct Revival;

  Result<Revival> prepare(const StoredMessage& letter, const DeadLetterEdit& edit) const;
  Result<void> check(const DeadLetter& letter, const DeadLetterEdit& edit) const;
  void enqueue(std::span<Revival> revivals);
  Result<void> look_for(const Revival& revival, const Error& refusal);
  std::vector<Endings::Left> left_by_earlier_runs(std::span<Revival* const> revivals);
  void remove(std::span<Revival> revivals);

  Broker& broker_;
  const Names& names_;
  Endings endings_;
};

}  // namespace leat
