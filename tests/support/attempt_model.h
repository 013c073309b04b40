// What the attempts of one job must come to, whatever happens to it: the contract, without a word of how it is kept.
#pragma once

#include <algorithm>
#include <string>

namespace leat::test {

// Not thread-safe.
class AttemptModel {
 public:
  explicit AttemptModel(unsigned max_attempts) : max_attempts_(max_attempts) {}

  unsigned max_attempts() const { return max_attempts_; }
  unsigned attempts() const { return failed_ + crashed_; }
  // False when a delivery finds its attempts used up: it dies without being called.
  bool may_begin() const { return crashed_ < kMostCrashes && attempts() < max_attempts_; }
  bool is_over() const { return !fate_.empty(); }
  // "done", or the reason of the dead letter.
  const std::string& fate() const { return fate_; }

  // What ends an attempt. Interruptions and snoozes are not among them: they change nothing.
  void succeeds() {
    fate_ = "done";
    last_ = attempts() + 1;
  }
  void fails() {
    ++failed_;
    if (attempts() >= max_attempts_) dies("attempts");
  }
  void is_hopeless() {
    ++failed_;
    dies("dead");
  }
  // Its worker is gone. A first delivery leaves nothing behind by which that can be seen.
  void crashes(bool was_delivered_before) {
    if (was_delivered_before) ++crashed_;
  }
  // A delivery found that it may not begin.
  void is_found_exhausted() { dies(crashed_ >= kMostCrashes ? "crashed" : "attempts"); }

  // When it is over: what its result and its dead letter say.
  unsigned final_attempts() const { return last_; }

 private:
  static constexpr unsigned kMostCrashes = 3;

  void dies(std::string reason) {
    fate_ = std::move(reason);
    last_ = attempts();
  }

  unsigned max_attempts_;
  unsigned failed_ = 0;
  unsigned crashed_ = 0;
  unsigned last_ = 0;
  std::string fate_;
};

}  // namespace leat::test
