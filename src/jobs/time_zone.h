// A zone of the machine's time zone database: which time its clocks show at which instant.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat {

// Immutable, thread-safe, and there until the program ends: one object a zone.
class TimeZone {
 public:
  // In which the offset is the same. Neighbours differ in it.
  struct Period {
    std::chrono::sys_seconds begin;
    std::chrono::sys_seconds end;  // the next one's begin
    std::chrono::seconds offset;   // local time less UTC
    // The clocks have shown, or jumped over, all local times before this one when the period begins.
    std::chrono::local_seconds shown_before;

    std::chrono::local_seconds to_local(std::chrono::sys_seconds time) const {
      return std::chrono::local_seconds(time.time_since_epoch() + offset);
    }
    std::chrono::sys_seconds to_sys(std::chrono::local_seconds time) const {
      return std::chrono::sys_seconds(time.time_since_epoch() - offset);
    }
    std::chrono::local_seconds local_begin() const { return to_local(begin); }
    std::chrono::local_seconds local_end() const { return to_local(end); }
  };
  using Periods = std::vector<Period>;

  // "UTC" needs no database. Errors: kInvalidArgument (no such name; the message has the nearest one), kUnavailable (no
  // database that can be used). Not `localtime`, which is something else on each machine.
  static Result<const TimeZone*> find(std::string_view name);
  // All that `find` takes, in order; empty without a database.
  static std::vector<std::string> names();

  TimeZone(std::string name, Periods periods) : name_(std::move(name)), periods_(std::move(periods)) {}

  const std::string& name() const { return name_; }
  // From the first to the last instant of SystemTime, and never empty.
  const Periods& periods() const { return periods_; }
  // The one that `time` is in.
  Periods::const_iterator period_at(std::chrono::sys_seconds time) const;

 private:
  std::string name_;
  Periods periods_;
};

}  // namespace leat
