// One call on a thread of its own, which need not be waited for until its end.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/result.h"

namespace leat {

// The destructor waits until the call has returned.
class TimedCall {
 public:
  using Body = std::function<Result<void>(std::stop_token)>;

  // Begins at once. `body` may throw.
  TimedCall(const std::string& name, Clock& clock, Body body);

  // What it returned; empty when it has not by then.
  std::optional<Result<void>> wait(Duration patience) LEAT_EXCLUDES(mutex_);
  void request_stop() { thread_.request_stop(); }

 private:
  Clock& clock_;
  Mutex mutex_;
  CondVar returned_;
  std::optional<Result<void>> result_ LEAT_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace leat
