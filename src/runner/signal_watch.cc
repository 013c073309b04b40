#include "runner/signal_watch.h"

#include <stop_token>

namespace leat {

SignalWatch::SignalWatch(std::function<void(int)> first, std::function<void(int, Signals&)> second)
    : first_(std::move(first)), second_(std::move(second)) {
  thread_ = start_thread("signals", [this](const std::stop_token& stop) { run(stop); });
}

void SignalWatch::run(const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] { signals_.wake(); });
  int first = 0;
  SteadyTime first_at{};
  while (!stop.stop_requested()) {
    const int number = signals_.next(std::chrono::hours(1));
    if (number == 0) continue;
    if (first == 0) {
      first = number;
      first_(number);
      first_at = real_clock().steady();
    } else if (number != first || real_clock().steady() - first_at >= kSignalEcho) {
      second_(number, signals_);
    }
  }
}

}  // namespace leat
