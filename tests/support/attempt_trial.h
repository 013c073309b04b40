// A few jobs live through whatever can happen to an attempt, in random order, and a model of the contract says what
// their attempts must come to.
//
// In rounds: all jobs that can run are with their handlers, which stand still; then something happens, and the trial
// waits until its effect is there. Nothing is left to time: every step waits for what can be observed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/attempt_record.h"
#include "leat/leat.h"
#include "tests/support/attempt_model.h"
#include "tests/support/disturbed_worker.h"
#include "tests/support/handler_calls.h"
#include "tests/support/keeper_clock.h"
#include "tests/support/watched_broker.h"

namespace leat::test {

// What can happen to a worker.
enum class TrialEvent {
  kOutcomes,    // its handlers say something, each what it likes
  kShutdown,    // it stops, without grace
  kStopNow,     // it stops, and does not wait for its handlers
  kCrash,       // it is cut off from the broker, and never heard of again
  kUnsettled,   // it stores what its handlers said, and is cut off before it can settle
  kLostLeases,  // it cannot renew its leases
};

struct TrialOptions {
  std::uint32_t seed = 0;
  std::size_t jobs = 6;
  Duration ack_wait{0};
  Duration delay{0};                                   // of retries and snoozes
  Duration long_delay{0};                              // of some: a lease that begins before them ends before them
  KeeperClock* clock = nullptr;                        // the brokers'; null: time passes by itself
  std::function<std::shared_ptr<Broker>()> open = {};  // each call as another process
};

// Not thread-safe.
class AttemptTrial {
 public:
  explicit AttemptTrial(const TrialOptions& options);
  ~AttemptTrial();
  AttemptTrial(const AttemptTrial&) = delete;
  AttemptTrial& operator=(const AttemptTrial&) = delete;

  // Lets one after another happen, then what is left succeeds. Throws std::runtime_error, with the seed and the story,
  // when something differs from the model.
  void run(const std::vector<TrialEvent>& events);
  // So many at random.
  void run(std::size_t events);

 private:
  using Call = HandlerCalls::Call;
  using Calls = HandlerCalls::Calls;
  struct Job {
    std::string payload;
    JobId id;
    AttemptModel model;
  };

  void push();
  void start_worker();
  void retire(DisturbedWorker& worker);
  void bury_retired();

  void happen(TrialEvent event);
  void hear_outcomes(DisturbedWorker& worker);
  void shut_down(DisturbedWorker& worker);
  void stop_now(DisturbedWorker& worker);
  void crash(DisturbedWorker& worker);
  void leave_unsettled(DisturbedWorker& worker);
  void lose_leases(DisturbedWorker& worker);
  void cut_off(DisturbedWorker& worker);
  void disturb(DisturbedWorker& worker, DisturbedWorker::Trouble trouble);
  void finish();

  // Until every job that is not over is with a handler.
  void gather();
  bool is_gathered(SteadyTime& next);
  // Until it has happened; fails when that takes too long, or when a handler was called that should not have been.
  void wait_for(std::string_view what, const std::function<bool()>& happened);
  void advance(Duration by);
  std::optional<SteadyTime> next_look() const;

  Calls choose_words(const DisturbedWorker& worker, Duration delay, HandlerCalls::WhenStopped when_stopped);
  // What they said goes into the model.
  void hear(const Calls& calls);
  void wait_for_settlements(const Calls& calls);
  void wait_for_no_marks(const Calls& calls);
  bool is_stored(const Call& call);
  AttemptRecord record_of(const Job& job);
  Job& job_of(const Call& call) { return jobs_.at(std::stoul(call.payload)); }

  void check(Call& call);
  void verify();
  void verify_end(const Job& job, const std::vector<DeadLetter>& letters);

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  bool coin() { return pick(2) == 0; }
  [[noreturn]] void fail(const std::string& why);

  const TrialOptions options_;
  std::mt19937 random_;
  std::shared_ptr<Broker> broker_;
  std::unique_ptr<KeyValue> records_;
  DeliveryLog log_;
  HandlerCalls calls_;
  std::vector<Job> jobs_;
  unsigned workers_started_ = 0;
  std::string story_;
  std::vector<std::unique_ptr<DisturbedWorker>> live_;
  std::vector<std::unique_ptr<DisturbedWorker>> retired_;  // their handlers may still be at it
};

}  // namespace leat::test
