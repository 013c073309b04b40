// For commands that end at a signal in good order.
#pragma once

#include <optional>
#include <stop_token>

#include "core/mutex.h"
#include "core/thread.h"
#include "runner/signal_watch.h"

namespace leat::cli {

// Requests a stop at SIGINT or SIGTERM; a second one ends the program at once.
class StopAtSignal {
 public:
  std::stop_token token() const { return source_.get_token(); }

 private:
  void watch(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds kLookEvery(50);
    while (signals_->next(kLookEvery) == 0) {
      if (stop.stop_requested()) return;
    }
    source_.request_stop();
    if (sleep_for(real_clock(), kSignalEcho, stop)) signals_.reset();
  }

  std::optional<Signals> signals_{std::in_place};
  std::stop_source source_;
  Thread watcher_ = start_thread("signals", [this](const std::stop_token& stop) { watch(stop); });
};

}  // namespace leat::cli
