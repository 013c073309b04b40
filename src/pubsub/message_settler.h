// Tells the broker what became of messages: a thread of its own, in batches.
//
// What is to be given up is stored as a dead letter first. A settlement that fails is tried again for as long as the
// lease may hold.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/log.h"
#include "leat/subscriber.h"
#include "pubsub/held_message.h"

namespace leat {

// Thread-safe.
class MessageSettler {
 public:
  struct Parts {
    Clock& clock;
    Log& log;
    const SubscriberOptions& options;
  };

  explicit MessageSettler(const Parts& parts) : parts_(parts) {}

  void start();
  // Settles everything that has been handed in, then ends. Any number of times.
  void stop();

  // The message has its verdict. Takes over a reference. No lock and no allocation, but for the first one of a batch.
  // After the end it is settled before this returns.
  void hand_in(HeldMessage& message) LEAT_EXCLUDES(mutex_, processing_);

 private:
  void run();
  void settle_now() LEAT_EXCLUDES(processing_);
  bool wait_for_work() LEAT_EXCLUDES(mutex_);
  void wake() LEAT_EXCLUDES(mutex_);
  void collect(std::vector<HeldMessage*>& batch);
  void process(std::vector<HeldMessage*>& batch) LEAT_REQUIRES(processing_);
  void give_up(std::vector<HeldMessage*>& batch);
  std::vector<Result<void>> store_dead_letters(const std::vector<HeldMessage*>& dying);
  void settle(MessageSource& source, const std::vector<HeldMessage*>& messages) LEAT_REQUIRES(processing_);
  bool keep_for_later(HeldMessage& message, const Error& error) LEAT_REQUIRES(processing_);

  Parts parts_;
  std::atomic<HeldMessage*> pile_{nullptr};  // linked by next_in; the last one handed in is on top

  Mutex processing_;
  std::vector<HeldMessage*> later_ LEAT_GUARDED_BY(processing_);  // what is to be tried again

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ LEAT_GUARDED_BY(mutex_) = false;
  std::atomic<bool> retrying_{false};  // something is in later_
  std::atomic<bool> ended_{true};      // there is no thread
  SteadyTime last_round_{};            // of the machine's clock
  Thread thread_;
};

}  // namespace leat
