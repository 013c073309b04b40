#include "runner/timed_call.h"

#include "core/thrown.h"

namespace leat {

TimedCall::TimedCall(const std::string& name, Clock& clock, Body body) : clock_(clock) {
  thread_ = start_thread(name, [this, body = std::move(body)](const std::stop_token& stop) {
    auto result = result_of([&] { return body(stop); });
    MutexLock lock(mutex_);
    result_ = std::move(result);
    returned_.notify_all();
  });
}

std::optional<Result<void>> TimedCall::wait(Duration patience) {
  MutexLock lock(mutex_);
  wait_until(clock_, returned_, mutex_, deadline_after(clock_, patience), {},
             [this]() LEAT_REQUIRES(mutex_) { return result_.has_value(); });
  return result_;
}

}  // namespace leat
