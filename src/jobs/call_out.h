// The other end of a call: writes it into the control bucket, and waits for the worker that has the job to answer.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "jobs/call_record.h"
#include "leat/key_value.h"

namespace leat {

// Not thread-safe. The bucket outlives it.
class CallOut {
 public:
  static Result<CallOut> begin(Clock& clock, KeyValue& control, std::string key, std::uint64_t sequence);

  // What the record says once a worker has answered, or the job is over; as it was written when neither came in time.
  Result<CallRecord> wait(std::chrono::milliseconds max_wait);
  // Nobody needs it any more.
  void take_back() { (void)control_->erase(key_); }

 private:
  CallOut(Clock& clock, KeyValue& control, std::string key, std::uint64_t sequence, std::unique_ptr<KeyWatch> watch)
      : clock_(&clock), control_(&control), key_(std::move(key)), sequence_(sequence), watch_(std::move(watch)) {}

  Clock* clock_;
  KeyValue* control_;
  std::string key_;
  std::uint64_t sequence_;
  std::unique_ptr<KeyWatch> watch_;
};

}  // namespace leat
