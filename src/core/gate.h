// Lets work in until it is closed, then waits until all of it has left.
//
// An object that other threads call holds a Gate, enters it in each call and closes it before it dies.
#pragma once

#include <utility>

#include "core/mutex.h"

namespace leat {

// Thread-safe.
class Gate {
 public:
  // Proof of being inside; leaves when it dies.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    Gate* gate_ = nullptr;
  };

  // An empty pass when the gate is closed.
  Pass enter() {
    MutexLock lock(mutex_);
    if (closed_) return {};
    ++inside_;
    return Pass(*this);
  }

  // Refuses new entries and waits until everybody has left. Any number of times.
  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    left_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return inside_ == 0; });
  }

 private:
  void leave() {
    MutexLock lock(mutex_);
    if (--inside_ == 0) left_.notify_all();
  }

  Mutex mutex_;
  CondVar left_;
  int inside_ LEAT_GUARDED_BY(mutex_) = 0;
  bool closed_ LEAT_GUARDED_BY(mutex_) = false;
};

}  // namespace leat
