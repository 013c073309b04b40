// Makes the ticks of recurring schedules into jobs, for the one program that leads.
//
// For a batch of ticks: claim the schedules, read their records again, append the jobs, write down how far each has
// come, release. A tick's job has an id and a message id made of the schedule's name and the tick's time, so a step
// that is repeated, by the same leader or by the next one, finds itself. Who removes or pauses a schedule waits until
// it is not claimed.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "jobs/claim_record.h"
#include "jobs/event_log.h"
#include "jobs/schedule_record.h"
#include "leat/broker.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

// Not thread-safe. After an error it must be made anew.
class Ticker {
 public:
  struct Parts {
    Broker& broker;
    Names names;
    KeyValue& claims;
    KeyValue& schedules;
    EventLog& events;
    Log& log;
    std::function<bool()> still_leads;
    std::size_t bytes_at_once = 8 << 20;  // of jobs in a batch; beyond it each schedule in the batch has one
  };

  explicit Ticker(Parts parts);

  // What a leader that died has left claimed is free again. Before anything else.
  Result<void> release_old_claim();
  // Records as the bucket's watch brings them.
  void add(std::span<const KeyEntry> entries);
  // When the next job is to be made.
  std::optional<SystemTime> next() const;
  // Makes the jobs that are due, up to a batch of them.
  Result<void> tick();

  // True while ticks of the schedule are made into jobs.
  static Result<bool> is_claimed(KeyValue& claims, std::string_view name);

 private:
  struct Known {
    std::uint64_t revision = 0;
    ScheduleRecord record;
    Recurrence recurrence;
    std::optional<SystemTime> fires{};  // the next tick with its jitter
  };
  struct Tick {
    SystemTime at{};
    bool catch_up = false;
  };
  // The ticks of one schedule on their way.
  struct Firing {
    std::string name;
    std::uint64_t revision = 0;
    ScheduleRecord record;
    std::vector<Tick> ticks{};
    SystemTime since{};                    // how far it has come then
    std::optional<SystemTime> found = {};  // a tick that an earlier leader has made into a job and not written down
  };

  void plan(const std::string& name, Known& known);
  void forget(const std::string& name);
  Result<void> write_claim(std::span<const std::string> names);
  Result<std::vector<Firing>> read(const std::vector<std::string>& names);
  void choose_ticks(Firing& firing, const Recurrence& recurrence, SystemTime now, std::size_t most) const;
  void choose_ticks(std::vector<Firing>& firings, SystemTime now) const;
  Result<void> leave_out_overlapping(std::vector<Firing>& firings, SystemTime now);
  Result<std::optional<SystemTime>> newest_not_done(const Firing& firing, SystemTime now);
  Result<void> append(std::vector<Firing>& firings);
  AppendRequest make_request(const Firing& firing, const Tick& tick) const;
  static bool note(const Firing& firing, ScheduleRecord& record);
  Result<void> write_down(std::vector<Firing>& firings);
  Result<void> write_down_again(Firing& firing);

  Parts parts_;
  ClaimRecord claim_;
  std::map<std::string, Known, std::less<>> known_;
  std::set<std::pair<SystemTime, std::string>> order_;  // of those that fire
};

}  // namespace leat
