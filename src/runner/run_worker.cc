#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "core/thread.h"
#include "leat/worker.h"
#include "runner/signals.h"

namespace leat {
namespace {

constexpr std::chrono::milliseconds kLookAgain(50);

}  // namespace

int run(Worker& worker) {
  Signals signals;
  if (const auto started = worker.start(); !started) {
    std::fprintf(stderr, "leat: worker cannot start: %s\n", started.error().what());
    return 1;
  }
  while (signals.next(std::chrono::hours(1)) == 0) {
  }
  std::atomic<bool> stopped{false};
  const Thread stopper = start_thread("stop", [&](const std::stop_token&) {
    worker.stop();
    stopped = true;
  });
  while (!stopped) {
    const int second = signals.next(kLookAgain);
    if (second == 0) continue;
    worker.stop_now();
    std::_Exit(128 + second);  // handlers may never return: nothing waits for them
  }
  return 0;
}

}  // namespace leat
