// What the control records say, read at start and then followed: which queues are paused, and calls about single jobs.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "core/thread.h"
#include "jobs/names.h"
#include "leat/key_value.h"
#include "leat/log.h"

namespace leat {

// Thread-safe.
class ControlWatch {
 public:
  ControlWatch(std::unique_ptr<KeyValue> control, Log& log) : control_(std::move(control)), log_(log) {}

  KeyValue& records() { return *control_; }
  // Told of every record that is no pause, on the watch's thread; before start().
  void set_listener(std::function<void(const KeyEntry&)> listener) { listener_ = std::move(listener); }

  // Reads what is there, and follows it from now on. Errors: as KeyValue::watch().
  Result<void> start();
  void stop();
  // Instead of start(): reads on the calling thread what is there now, and tells the listener of all of it once more.
  Result<void> look();

  bool is_paused(const std::string& queue) const LEAT_EXCLUDES(mutex_);
  // The same for who asks for each job; true before anybody is told.
  std::shared_ptr<const std::atomic<bool>> pause_flag(const std::string& queue) LEAT_EXCLUDES(mutex_);
  // False when `stop` came first.
  bool wait_until_resumed(const std::string& queue, const std::stop_token& stop) LEAT_EXCLUDES(mutex_);
  // Fires when the queue is paused; has fired if it is.
  std::stop_token pause_token(const std::string& queue) LEAT_EXCLUDES(mutex_);

 private:
  Result<void> open(const std::stop_token& stop);
  void run(const std::stop_token& stop);
  Result<void> follow(const std::stop_token& stop);
  struct Pause {
    std::shared_ptr<std::atomic<bool>> flag = std::make_shared<std::atomic<bool>>(false);
    std::stop_source token{};  // has fired while the flag is true
  };
  std::vector<std::string> paused() const LEAT_EXCLUDES(mutex_);
  void held(const std::string& queue) LEAT_EXCLUDES(mutex_);
  void resumed(const std::string& queue) LEAT_EXCLUDES(mutex_);

  std::unique_ptr<KeyValue> control_;
  Log& log_;
  std::function<void(const KeyEntry&)> listener_ = [](const KeyEntry&) {};
  std::unique_ptr<KeyWatch> watch_;  // null: to be opened (again)
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Pause> pauses_ LEAT_GUARDED_BY(mutex_);  // by queue
  Thread thread_;
};

}  // namespace leat
