// What has happened to a job so far: written at its first failure or its death, gone when it is done or buried.
//
// The broker's delivery count also counts crashes, shutdowns and returned prefetches; this record counts attempts. A
// job that is done at once has none. Stored as JSON (docs/spec/jobs.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/clock.h"
#include "leat/result.h"

namespace leat {

struct AttemptRecord {
  struct Failure {
    unsigned attempt = 0;
    std::uint32_t delivery = 0;  // the delivery that ended so: writing it twice changes nothing
    SystemTime at{};
    std::string worker;
    std::string error;
  };
  struct Start {
    std::uint32_t delivery = 0;
    SystemTime at{};
    std::string worker;
  };
  // What it has died of: stored first, so that nobody runs it again while the rest of its end is on its way.
  struct Death {
    std::string reason;  // DeadLetter::reason
    std::string error;
  };

  std::uint64_t sequence = 0;     // of the message: a record of an earlier message under the same id does not count
  unsigned failed = 0;            // attempts that failed
  unsigned crashed = 0;           // attempts that began and never ended
  unsigned interrupted = 0;       // attempts given back, by shutdown or a lost lease; cost nothing
  std::vector<Failure> failures;  // the newest kKeptFailures
  std::optional<Start> started;   // an attempt that has begun and not ended yet
  std::optional<SystemTime> due;  // no attempt before it
  // When a worker without a handler for its kind met it first, since the last attempt.
  std::optional<SystemTime> unknown_since;
  std::optional<Death> dead;

  std::uint64_t revision = 0;  // in its bucket; 0: not stored. Not part of the JSON

  static constexpr std::size_t kKeptFailures = 20;

  unsigned attempts() const { return failed + crashed; }
  // Nothing but a start mark: nobody will miss it.
  bool is_only_mark() const {
    return revision != 0 && attempts() == 0 && interrupted == 0 && !due && !unknown_since && !dead;
  }
  void add_failure(Failure failure);
  // A start mark of an earlier delivery that nothing ended is a crash. One of this or a later delivery is none that can
  // be told: the broker has lost count.
  void count_crash_before(std::uint32_t delivery);

  std::string to_json() const;
  static Result<AttemptRecord> from_json(std::string_view text);
};

}  // namespace leat
