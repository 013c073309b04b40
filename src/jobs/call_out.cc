#include "jobs/call_out.h"

#include "core/mutex.h"

namespace leat {

// The watch first, so that no answer is missed.
Result<CallOut> CallOut::begin(Clock& clock, KeyValue& control, std::string key, std::uint64_t sequence) {
  auto watch = control.watch(key);
  if (!watch) return watch.error();
  if (auto called = control.put(key, CallRecord{.sequence = sequence}.to_json()); !called) return called.error();
  return CallOut(clock, control, std::move(key), sequence, std::move(*watch));
}

Result<CallRecord> CallOut::wait(std::chrono::milliseconds max_wait) {
  const SteadyTime until = deadline_after(*clock_, max_wait);
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_->steady());
    if (left.count() <= 0) return CallRecord{.sequence = sequence_};
    const auto entries = watch_->next(left, {});
    if (!entries) return entries.error();
    for (const KeyEntry& entry : *entries) {
      if (entry.erased) continue;
      auto call = CallRecord::from_json(entry.value);
      if (!call || call->sequence != sequence_) continue;
      if (call->over || call->answer != CallRecord::Answer::kNone) return call;
    }
  }
}

}  // namespace leat
