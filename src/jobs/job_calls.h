// Calls about single jobs, as the control records bring them: "cancel it", "do you have it?". Answers for the jobs in
// this worker's hands, fires the stop tokens of those that run, and keeps the others from being begun.
#pragma once

#include <atomic>
#include <map>
#include <utility>

#include "core/mutex.h"
#include "jobs/call_record.h"
#include "jobs/job_ledger.h"
#include "jobs/names.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

// Thread-safe.
class JobCalls {
 public:
  struct Parts {
    JobLedger& ledger;
    KeyValue& control;
    std::string worker;
    Log& log;
  };

  explicit JobCalls(Parts parts) : parts_(std::move(parts)) {}

  // From the control watch: a record that was written or erased.
  void heard(const KeyEntry& entry) LEAT_EXCLUDES(mutex_);

  // Costs next to nothing while nobody cancels.
  bool is_cancelled(const HeldJob& job) const LEAT_EXCLUDES(mutex_);
  // The job is over, one way or another: a call to cancel it is, too.
  void over(const HeldJob& job) LEAT_EXCLUDES(mutex_);

 private:
  using MessageName = std::pair<Priority, std::uint64_t>;  // its stream, its sequence
  static MessageName name_of(const HeldJob& job) { return {job.served().priority, job.delivery.message.sequence}; }
  CallRecord::Answer look(const MessageName& name, bool cancel);
  void note_answer(const MessageName& name, CallRecord::Answer answer) LEAT_EXCLUDES(mutex_);
  void answer(const KeyEntry& entry, const CallRecord& call);
  void forget(std::string_view key) LEAT_EXCLUDES(mutex_);

  Parts parts_;
  mutable Mutex mutex_;
  struct Cancel {
    std::string key;
    CallRecord call;
  };
  std::map<MessageName, Cancel> cancelled_ LEAT_GUARDED_BY(mutex_);
  std::atomic<std::size_t> count_{0};  // of cancelled_
};

}  // namespace leat
