// A broker that fails on demand: for tests of what stands on brokers.
//
//   Faults faults;
//   auto broker = make_fault_broker(open_memory_broker(), faults);
//   faults.next(Operation::kAppend, Fault::lose_answer());
//   faults.before(Operation::kSettle, [](const Call& call) { return call.number < 3 ? Fault::fail() : Fault::none();
//   });
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "broker/operation.h"
#include "core/mutex.h"
#include "leat/broker.h"

namespace leat {

// What happens to one call.
struct Fault {
  enum class Kind {
    kNone,
    kFail,        // the inner broker is not asked
    kLoseAnswer,  // the inner broker does it, and the caller gets an error
    kDuplicate,   // the inner broker is asked twice; the caller gets the first answer
    kDelay,       // by the broker's clock, before the inner broker is asked
    kFreeze,      // until release(), before the inner broker is asked; a stop token ends it too
  };
  Kind kind = Kind::kNone;
  Error error{ErrorCode::kUnavailable, "injected fault: not done"};
  Duration delay{0};
  std::uint64_t releases_before = 0;  // filled in when it was asked for: a release() since then counts

  static Fault none() { return {}; }
  static Fault fail(ErrorCode code = ErrorCode::kUnavailable) {
    return {.kind = Kind::kFail, .error = Error(code, "injected fault: not done")};
  }
  static Fault lose_answer(ErrorCode code = ErrorCode::kUnknown) {
    return {.kind = Kind::kLoseAnswer, .error = Error(code, "injected fault: the answer was lost")};
  }
  static Fault duplicate() { return {.kind = Kind::kDuplicate}; }
  static Fault delayed(Duration by) { return {.kind = Kind::kDelay, .delay = by}; }
  static Fault freeze() { return {.kind = Kind::kFreeze}; }
};

struct Call {
  Operation operation;
  std::uint64_t number = 0;  // of this operation, from 1
  std::size_t items = 0;     // in its batch; 1 for what is no batch
};

// The script of a fault broker. Thread-safe. Must outlive the broker and all that was opened from it.
class Faults {
 public:
  using Hook = std::function<Fault(const Call& call)>;

  // Asked before each call of this operation, by the thread that calls; replaces an earlier hook. It may be asked by
  // several threads at once, and must not use the same Faults.
  void before(Operation operation, Hook hook);
  // For the next calls of this operation alone, before any hook is asked; several are used up in order.
  void next(Operation operation, const Fault& fault, std::size_t calls = 1);
  // Forgets hooks and what next() left; frozen calls stay frozen.
  void clear();

  // Lets all frozen calls go on.
  void release();
  // Waits until so many calls are frozen; false when the machine's clock passed `deadline` first.
  bool wait_frozen(std::size_t count, std::chrono::milliseconds deadline);

  std::uint64_t calls(Operation operation) const;

  // For the broker: counts a call, and says what is to happen to it.
  Fault begin(Operation operation, std::size_t items);
  void stay_frozen(const Fault& fault, const std::stop_token& stop);

 private:
  struct Script {
    std::uint64_t calls = 0;
    std::deque<Fault> next;
    std::shared_ptr<const Hook> hook;
  };

  std::uint64_t releases() const;
  std::optional<Fault> scripted(Operation operation, Call& call, std::shared_ptr<const Hook>& hook);

  mutable Mutex mutex_;
  CondVar changed_;
  std::array<Script, kOperations> scripts_ LEAT_GUARDED_BY(mutex_);
  std::size_t frozen_ LEAT_GUARDED_BY(mutex_) = 0;
  std::uint64_t releases_ LEAT_GUARDED_BY(mutex_) = 0;
};

// Capabilities are those of the inner broker, but answers get lost.
std::unique_ptr<Broker> make_fault_broker(std::unique_ptr<Broker> inner, Faults& faults);

}  // namespace leat
