#include <memory>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/runner.h"

namespace leat {
namespace {

constexpr Duration kPatience = std::chrono::milliseconds(800);
constexpr Duration kAnswerFresh = std::chrono::seconds(1);

// Asks on a thread of its own: a broker that is away may take ten seconds to say so.
class Question {
 public:
  explicit Question(Broker& broker) : broker_(broker) {}

  Result<void> answer() LEAT_EXCLUDES(mutex_) {
    Clock& clock = real_clock();
    MutexLock lock(mutex_);
    if (!asking_ && clock.steady() - answered_at_ >= kAnswerFresh) {
      asking_ = true;
      thread_ = start_thread("broker-check", [this](const std::stop_token&) { ask(); });
    }
    const bool answered = wait_until(clock, answered_, mutex_, deadline_after(clock, kPatience), {},
                                     [this]() LEAT_REQUIRES(mutex_) { return !asking_; });
    return answered ? answer_ : Error(ErrorCode::kUnavailable, "the broker does not answer");
  }

 private:
  void ask() LEAT_EXCLUDES(mutex_) {
    const auto facts = broker_.admin().stream("leat");
    MutexLock lock(mutex_);
    // That there is no such stream is an answer.
    const bool answers = facts || facts.error().code() == ErrorCode::kNotFound;
    answer_ = answers ? Result<void>() : facts.error();
    answered_at_ = real_clock().steady();
    asking_ = false;
    answered_.notify_all();
  }

  Broker& broker_;
  Mutex mutex_;
  CondVar answered_;
  bool asking_ LEAT_GUARDED_BY(mutex_) = false;
  Result<void> answer_ LEAT_GUARDED_BY(mutex_);
  SteadyTime answered_at_ LEAT_GUARDED_BY(mutex_){};
  Thread thread_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace

Runner::Check broker_answers(Broker& broker) {
  return [question = std::make_shared<Question>(broker)] { return question->answer(); };
}

}  // namespace leat
