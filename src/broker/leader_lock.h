// Which of many programs leads: a record that its holder renews.
//
// Taken by creating the record, or by an update at the revision that was read. A challenger takes over only after it
// has seen the same revision for a whole `ttl` on its own steady clock, so no two clocks are ever compared; the holder
// counts its time from before each renewal, so it knows that it has lost before anybody else can have won. A clean stop
// erases the record, and the next one leads at once.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/mutex.h"
#include "core/thread.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

// Thread-safe.
class LeaderLock {
 public:
  struct Parts {
    KeyValue& records;
    Clock& clock;
    std::string role;    // the record's key
    std::string holder;  // for people: who leads
    Duration ttl;
    Log& log;
  };

  explicit LeaderLock(Parts parts);

  void start();
  // Gives the role up.
  void stop();

  // Waits until this program leads; fires when it leads no more. Empty when `stop` came first.
  std::stop_token wait_until_held(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  // True while nobody else can lead.
  bool is_held() const LEAT_EXCLUDES(mutex_);

 private:
  void run(const std::stop_token& stop);
  Result<void> challenge(const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  Result<void> look(std::chrono::milliseconds max_wait, const std::stop_token& stop);
  void tell_standing_by();
  Result<void> take() LEAT_EXCLUDES(mutex_);
  void renew() LEAT_EXCLUDES(mutex_);
  void hold(std::uint64_t revision, SteadyTime asked_at) LEAT_EXCLUDES(mutex_);
  void lose(std::string_view why) LEAT_EXCLUDES(mutex_);
  void release() LEAT_EXCLUDES(mutex_);

  Parts parts_;
  const std::string value_;  // tells this holder from every other
  // Of the lock's own thread.
  std::unique_ptr<KeyWatch> watch_;
  std::uint64_t seen_ = 0;   // the revision that somebody holds; 0: nobody
  SteadyTime seen_at_{};     // since when
  std::uint64_t found_ = 0;  // the one that was there at first: who has not renewed it since may be dead
  std::string seen_holder_;
  bool stands_by_ = false;  // and has said so
  std::uint64_t revision_ = 0;

  mutable Mutex mutex_;
  CondVar changed_;
  bool held_ LEAT_GUARDED_BY(mutex_) = false;
  SteadyTime held_until_ LEAT_GUARDED_BY(mutex_){};
  std::stop_source lost_ LEAT_GUARDED_BY(mutex_){std::nostopstate};
  Thread thread_;
};

}  // namespace leat
