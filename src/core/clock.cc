#include "leat/clock.h"

#include "core/mutex.h"

namespace leat {
namespace {

class RealClock : public Clock {
 public:
  SystemTime now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
  SteadyTime steady() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }

  void wait_until(CondVar& changed, Mutex& mutex, SteadyTime deadline, std::stop_token stop) override
      LEAT_REQUIRES(mutex) {
    changed.wait_once(mutex, deadline, std::move(stop));
  }
};

}  // namespace

Clock& real_clock() {
  static RealClock clock;
  return clock;
}

}  // namespace leat
