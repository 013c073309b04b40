// What all parts of one JetStream broker share: its connections, its API and what the server can do.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/jetstream/api.h"
#include "core/mutex.h"
#include "leat/jetstream_broker.h"
#include "nats/connection.h"
#include "nats/replies.h"

namespace leat::jetstream {

// Which server it is: everything that depends on its age asks this.
struct ServerLevel {
  std::string version;  // "2.15.1"; empty when it could not be read
  int api_level = 0;    // 0 before 2.11

  // False when the version is not known.
  bool before(int major, int minor) const;
  bool at_least(int major, int minor) const;
};

// Thread-safe.
class Session {
 public:
  // Errors: as open_jetstream_broker().
  static Result<std::unique_ptr<Session>> open(const JetStreamOptions& options);

  Clock& clock() { return clock_; }
  Log& log() { return log_; }
  Api& api() { return *api_; }
  nats::Connection& control() { return *control_; }  // sends at once
  nats::Connection& bulk() { return *bulk_; }        // sends in blocks
  nats::Replies& replies_of(const nats::Connection& connection) {
    return &connection == bulk_.get() ? *bulk_replies_ : *control_replies_;
  }

  ServerLevel level() const;
  // Asks the connected server again: it may be another one after a reconnect.
  void refresh_level();

  // Whether single streams may be purged up to a sequence. Servers before 2.10 forget with it what else has the
  // subjects; and an account may be denied it, which costs a time-out to find out.
  bool may_purge() const { return level().at_least(2, 10) && !purges_denied_; }
  void purges_are_denied() { purges_denied_ = true; }

  // Sends requests and waits for the answers, over the connection that suits their number. Those without an answer are
  // sent again until 10 s have passed without any: for requests that may be repeated only. Errors: kUnavailable,
  // kDenied (the account may not ask this).
  std::vector<Result<nats::Received>> ask_all(std::span<const nats::Request> requests);
  // The same without repeating. Errors: kUnavailable, kUnknown, kDenied.
  std::vector<Result<nats::Received>> ask_once(std::span<const nats::Request> requests);

 private:
  explicit Session(const JetStreamOptions& options);
  Result<void> check_jetstream();

  Clock& clock_;
  Log& log_;
  std::chrono::milliseconds connect_timeout_;
  std::unique_ptr<nats::Connection> control_;
  std::unique_ptr<nats::Connection> bulk_;
  std::unique_ptr<nats::Replies> control_replies_;
  std::unique_ptr<nats::Replies> bulk_replies_;
  std::unique_ptr<Api> api_;
  std::atomic<bool> purges_denied_{false};
  mutable Mutex mutex_;
  ServerLevel level_ LEAT_GUARDED_BY(mutex_);
};

}  // namespace leat::jetstream
