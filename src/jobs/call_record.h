// A call to whoever has a job in hand, as it lies in the control bucket: `cancel.{id}` or `ask.{id}`
// (docs/spec/jobs.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "leat/result.h"

namespace leat {

struct CallRecord {
  // Of the message that is meant: a later job under the same id is not.
  std::uint64_t sequence = 0;
  // What the worker said that has it; empty until then.
  enum class Answer { kNone, kHeld, kRunning } answer = Answer::kNone;
  std::string worker;
  bool over = false;  // the job has ended since: nobody needs the call any more

  std::string to_json() const;
  static Result<CallRecord> from_json(std::string_view text);
};

}  // namespace leat
