// Handlers that stand still when they are called, until a test tells them what to say.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "leat/handler.h"

namespace leat::test {

enum class Word { kDone, kThrow, kRetry, kRetryAfter, kSnooze, kDead };

// Thread-safe: handlers come from their workers' threads, everything else from the test's.
class HandlerCalls {
 public:
  struct Call {
    // What it was called with.
    std::string payload;
    const void* worker = nullptr;
    std::uint32_t delivery = 0;
    unsigned attempt = 0;
    unsigned max_attempts = 0;
    // The test's own.
    bool checked = false;
    Word word = Word::kRetry;

   private:
    friend class HandlerCalls;
    Duration delay_{0};
    bool obeys_ = true;      // says its word when its stop token fires
    bool released_ = false;  // says it now
    bool counts_ = true;     // somebody listens
    bool returned_ = false;
    bool stopped_ = false;  // its stop token has fired
  };
  using Calls = std::vector<Call*>;

  // The handler: returns, or throws, what it was told.
  Outcome handle(JobContext& context, const void* worker, std::uint32_t delivery) LEAT_EXCLUDES(mutex_);

  // Those that have not returned, and to whom somebody listens.
  Calls all() LEAT_EXCLUDES(mutex_);
  Calls on(const void* worker) LEAT_EXCLUDES(mutex_);

  enum class WhenStopped { kSaysIt, kGoesOn };
  // What it is going to say.
  void prepare(Call& call, Word word, Duration delay, WhenStopped when_stopped) LEAT_EXCLUDES(mutex_);
  void release(const Calls& calls) LEAT_EXCLUDES(mutex_);
  // Nobody listens to them any more.
  void discount(const Calls& calls) LEAT_EXCLUDES(mutex_);
  void release_discounted() LEAT_EXCLUDES(mutex_);
  bool any_discounted() LEAT_EXCLUDES(mutex_);
  bool have_returned(const Calls& calls) LEAT_EXCLUDES(mutex_);
  bool are_stopped(const Calls& calls) LEAT_EXCLUDES(mutex_);
  // Frees those that have returned.
  void forget_returned() LEAT_EXCLUDES(mutex_);
  // From now on no handler waits.
  void end() LEAT_EXCLUDES(mutex_);

 private:
  static Outcome outcome_of(Word word, Duration delay);

  Mutex mutex_;
  CondVar changed_;
  std::list<Call> calls_ LEAT_GUARDED_BY(mutex_);
  bool ended_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat::test
