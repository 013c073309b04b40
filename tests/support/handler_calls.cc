#include "tests/support/handler_calls.h"

#include <algorithm>
#include <stdexcept>

namespace leat::test {

Outcome HandlerCalls::outcome_of(Word word, Duration delay) {
  switch (word) {
    case Word::kDone: return Outcome::done();
    case Word::kThrow: throw std::runtime_error("thrown");
    case Word::kRetry: return Outcome::retry("failed");
    case Word::kRetryAfter: return Outcome::retry_after(delay, "failed");
    case Word::kSnooze: return Outcome::snooze(delay);
    case Word::kDead: return Outcome::dead("hopeless");
  }
  return Outcome::done();
}

Outcome HandlerCalls::handle(JobContext& context, const void* worker, std::uint32_t delivery) {
  Call called;
  called.payload = context.payload();
  called.worker = worker;
  called.delivery = delivery;
  called.attempt = context.attempt();
  called.max_attempts = context.max_attempts();
  Word word{};
  Duration delay{0};
  {
    MutexLock lock(mutex_);
    calls_.push_back(std::move(called));
    Call& call = calls_.back();
    const auto is_released = [&]() LEAT_REQUIRES(mutex_) { return call.released_ || ended_; };
    if (!changed_.wait(mutex_, context.stop_token(), is_released)) {
      call.stopped_ = true;
      if (!call.obeys_) changed_.wait(mutex_, is_released);
    }
    word = call.word;
    delay = call.delay_;
    call.returned_ = true;
  }
  return outcome_of(word, delay);
}

HandlerCalls::Calls HandlerCalls::all() {
  Calls calls;
  MutexLock lock(mutex_);
  for (Call& call : calls_) {
    if (call.counts_ && !call.returned_) calls.push_back(&call);
  }
  return calls;
}

HandlerCalls::Calls HandlerCalls::on(const void* worker) {
  Calls calls = all();
  std::erase_if(calls, [&](const Call* call) { return call->worker != worker; });
  return calls;
}

void HandlerCalls::prepare(Call& call, Word word, Duration delay, WhenStopped when_stopped) {
  MutexLock lock(mutex_);
  call.word = word;
  call.delay_ = delay;
  call.obeys_ = when_stopped == WhenStopped::kSaysIt;
}

void HandlerCalls::release(const Calls& calls) {
  MutexLock lock(mutex_);
  for (Call* call : calls) call->released_ = true;
  changed_.notify_all();
}

void HandlerCalls::discount(const Calls& calls) {
  MutexLock lock(mutex_);
  for (Call* call : calls) call->counts_ = false;
}

void HandlerCalls::release_discounted() {
  MutexLock lock(mutex_);
  for (Call& call : calls_) call.released_ = call.released_ || !call.counts_;
  changed_.notify_all();
}

bool HandlerCalls::any_discounted() {
  MutexLock lock(mutex_);
  return std::any_of(calls_.begin(), calls_.end(), [](const Call& call) { return !call.counts_ && !call.returned_; });
}

bool HandlerCalls::have_returned(const Calls& calls) {
  MutexLock lock(mutex_);
  return std::all_of(calls.begin(), calls.end(), [](const Call* call) { return call->returned_; });
}

bool HandlerCalls::are_stopped(const Calls& calls) {
  MutexLock lock(mutex_);
  return std::all_of(calls.begin(), calls.end(), [](const Call* call) { return call->stopped_; });
}

void HandlerCalls::forget_returned() {
  MutexLock lock(mutex_);
  std::erase_if(calls_, [](const Call& call) { return call.returned_; });
}

void HandlerCalls::end() {
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

}  // namespace leat::test
