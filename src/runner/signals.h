// Turns SIGINT and SIGTERM into something that a thread can wait for.
#pragma once

#include "leat/clock.h"

namespace leat {

// While one lives, the two signals no longer end the process. At most one at a time.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The number of the next signal, waiting up to `max_wait`; 0 when none came.
  int next(std::chrono::milliseconds max_wait);
  // Ends a next() that waits, or the one after, with 0. From any thread.
  void wake();
};

}  // namespace leat
