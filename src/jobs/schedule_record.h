// A recurring schedule as it lies in the bucket `{ns}_schedules` (docs/spec/jobs.md): what was asked for, the job as a
// message, and how far it has come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jobs/names.h"
#include "leat/recurrence.h"
#include "leat/schedules.h"

namespace leat {

struct ScheduleRecord {
  Schedule schedule;
  Priority priority = Priority::kMedium;
  Message job;  // without a subject
  bool paused = false;
  SystemTime since{};  // ticks after it count: when it was made, resumed or given other times, then its newest tick
  std::optional<SystemTime> last;  // the newest tick that became a job
  std::uint64_t runs = 0;

  // As it is stored. The same schedule has the same text.
  std::string to_json() const;
  static Result<ScheduleRecord> from_json(std::string_view text);
  // Whether the two ask for the same.
  bool asks_the_same(const ScheduleRecord& other) const;
  // Whether both tick at the same times, and as often.
  bool has_times_of(const ScheduleRecord& other) const;

  // Errors: kInvalidArgument, saying what is wrong with it.
  Result<void> check() const;
  Result<Recurrence> recurrence() const;
  // The first tick after `after`, if it ticks on.
  std::optional<SystemTime> next(const Recurrence& recurrence, SystemTime after) const;
  // When the tick's job comes: with its jitter.
  SystemTime fires_at(SystemTime tick) const;
  JobId job_id(SystemTime tick) const;
};

}  // namespace leat
