// Jobs that wait for others: who waits for whom, and who is ready. For the one program that leads.
//
// Nothing is written while jobs become done: the waiting jobs themselves and the done records say all, and this is
// their digest. A new leader makes it anew, at a few look-ups per parent.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "jobs/endings.h"
#include "jobs/event_log.h"
#include "jobs/handoff.h"
#include "jobs/job_places.h"
#include "jobs/timetable.h"
#include "jobs/waiting_job.h"

namespace leat {

// Not thread-safe. After an error it must be made anew.
class Dependents {
 public:
  struct Parts {
    Broker& broker;
    JobPlaces& places;
    Endings& endings;
    EventLog& events;
    Handoff& handoff;
    Timetable& timetable;  // for those whose unique key is taken
    Log& log;
  };

  explicit Dependents(const Parts& parts) : parts_(parts) {}

  // Jobs that wait, as the scheduled stream shows them (their payloads are not needed); a later version of a job
  // replaces the earlier one. Looks up what has become of their parents.
  Result<void> add(std::span<const StoredMessage> jobs);
  // A job has ended; those that wait for a later one with its id wait on.
  void ended(const std::string& id, const JobResult& result);
  // Moves what is ready to its queue, and cancels what can never be: one batch of each, so that nothing else waits for
  // all of them.
  Result<void> resolve();
  // There is more to resolve, at once.
  bool has_more() const { return !ready_.empty() || !lost_.empty(); }
  // Now and then: finds parents that ended without a record, and writes down what is known before records grow too old.
  Result<void> sweep();

 private:
  struct Child {
    std::uint64_t sequence = 0;
    std::size_t bytes = 0;
    IfDead if_dead = IfDead::kCancel;
    std::unordered_map<std::string, SystemTime> waits_for;  // when that was enqueued, as far as it is known
    std::string dead_parent;                                // not empty: it is to be cancelled
    std::optional<SystemTime> resolved;                     // when the first of its parents ended that it still names
  };

  Result<void> read_some(std::span<const std::uint64_t> sequences, std::vector<JobId>& parents);
  Result<void> add_one(const StoredMessage& job);
  void note_enqueued(const std::string& parent, SystemTime at);
  Result<void> look_up(std::vector<JobId> parents);
  Result<void> look_up_some(std::span<const JobId> parents);
  Result<void> cancel_children_of_the_gone(const std::vector<JobId>& parents);
  Result<void> move_ready();
  Result<void> cancel_lost();
  Result<void> cancel(const std::string& id, const Child& child);
  Result<void> remember(const std::string& id, Child& child);
  void drop(const std::string& id);

  Parts parts_;
  std::unordered_map<std::string, Child> children_;
  std::unordered_map<std::string, std::vector<std::string>> by_parent_;
  // One that has been replaced since by a later version may be named here and not be ready, or not be lost.
  std::deque<std::string> ready_;
  std::deque<std::string> lost_;
};

}  // namespace leat
