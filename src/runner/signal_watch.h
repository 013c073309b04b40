// Listens for signals on a thread of its own.
#pragma once

#include <functional>

#include "core/thread.h"
#include "leat/clock.h"
#include "runner/signals.h"

namespace leat {

// `timeout`, and a terminal with a wrapper in between, send the same signal to the program and to its group: it counts
// once.
constexpr Duration kSignalEcho = std::chrono::milliseconds(100);

// At most one at a time, as Signals.
class SignalWatch {
 public:
  // Both on the watch's thread: `first` once, with the first signal's number; `second` with every later one.
  SignalWatch(std::function<void(int)> first, std::function<void(int, Signals&)> second);

 private:
  void run(const std::stop_token& stop);

  std::function<void(int)> first_;
  std::function<void(int, Signals&)> second_;
  Signals signals_;
  Thread thread_;
};

}  // namespace leat
