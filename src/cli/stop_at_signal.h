// For commands that end at a signal in good order.
#pragma once

#include <stop_token>

#include "core/thread.h"
#include "runner/signals.h"

namespace leat::cli {

// Requests a stop at SIGINT or SIGTERM.
class StopAtSignal {
 public:
  std::stop_token token() const { return source_.get_token(); }

 private:
  void watch(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds kLookEvery(50);
    while (!stop.stop_requested()) {
      if (signals_.next(kLookEvery) != 0) source_.request_stop();
    }
  }

  Signals signals_;
  std::stop_source source_;
  Thread watcher_ = start_thread("signals", [this](const std::stop_token& stop) { watch(stop); });
};

}  // namespace leat::cli
