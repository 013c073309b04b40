// One connection to a NATS server or cluster: it reconnects for ever and tells who listens when it was lost and is
// back. It ends for good where a server refuses its credentials twice, because they were withdrawn.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mutex.h"
#include "leat/clock.h"
#include "leat/log.h"
#include "leat/message.h"
#include "leat/result.h"
#include "nats/handles.h"
#include "nats/received.h"

namespace leat::nats {

// When a published message leaves.
enum class Sending {
  kAtOnce,   // one system call each: for requests and small things that somebody waits for
  kBuffered  // together with others, after 1 ms at the latest: for batches; flush() sends at once
};

struct ConnectionOptions {
  std::vector<std::string> servers;  // "host:port", at least one
  std::string user, password;        // secret
  std::string token;                 // secret
  std::string creds_file;            // a user's JWT and seed
  std::string nkey_seed_file;        // a user's seed alone
  bool tls = false;
  std::string tls_ca, tls_cert, tls_key;  // PEM files; any of them turns TLS on
  std::string name = "leat";
  std::chrono::milliseconds connect_timeout{5000};
  Sending sending = Sending::kAtOnce;
  Log* log = nullptr;  // borrowed; reconnects and refused permissions go there
};

// Called from a thread of nats.c, one call at a time: must be quick and must not call the connection's destructor.
class ConnectionListener {
 public:
  virtual ~ConnectionListener() = default;
  virtual void on_disconnected() {}
  virtual void on_reconnected() {}
  virtual void on_closed() {}  // for good: it will not come back
};

// Thread-safe. Must outlive every subscription that was made on it.
class Connection {
 public:
  // Errors: kUnavailable (unreachable; names the servers), kDenied (credentials), kInvalidArgument (a file; TLS).
  static Result<std::unique_ptr<Connection>> open(const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Hands a message to the connection; while it is lost, to a buffer of 8 MB that is sent when it is back. `reply` may
  // be null. Errors: kUnavailable (buffer full), kDenied (ended for good), kInvalidArgument (larger than the server
  // takes).
  Result<void> publish(const char* subject, const char* reply, std::string_view data);
  // The same with headers: those of a message, then more of our own (names and values that need no check).
  struct ExtraHeader {
    const char* name;
    std::string value;
  };
  Result<void> publish(const Message& message, const char* reply, std::span<const ExtraHeader> extra);

  // Errors: kUnavailable (nobody listens, lost), kUnknown (no answer in time), kDenied (ended for good).
  Result<Received> request(const std::string& subject, std::string_view body, std::chrono::milliseconds timeout);

  // Sends what is buffered and waits until the server has read it, or the time is over.
  void flush(std::chrono::milliseconds timeout);

  bool connected() const;
  // kDenied when it has ended for good.
  Result<void> check_open() const;
  // How often it was lost: a request that was sent under another number gets no answer.
  std::uint64_t losses() const;
  std::size_t max_payload() const;   // headers and payload together
  std::string connected_to() const;  // "host:port" without credentials; empty while lost
  std::string make_inbox() const;    // a fresh subject prefix of this connection

  // What the server last refused ("Permissions Violation for Publish to ..."), and how many times it refused anything.
  std::uint64_t refusals() const;
  std::string last_refusal() const;

  void add(ConnectionListener& listener);
  void remove(ConnectionListener& listener);  // no call is under way when it returns

  natsConnection* handle() { return connection_.get(); }

 private:
  explicit Connection(Log& log) : log_(log) {}
  friend struct ConnectionCallbacks;
  void on_disconnected();
  void on_reconnected();
  void on_closed(std::string why);
  void on_error(std::string text);
  Error send_error(natsStatus status) const;

  Log& log_;
  std::string name_;
  ConnectionHandle connection_;
  mutable Mutex mutex_;
  CondVar closed_changed_;
  bool closing_ LEAT_GUARDED_BY(mutex_) = false;
  bool closed_ LEAT_GUARDED_BY(mutex_) = false;               // no callback comes any more
  std::optional<std::string> ended_ LEAT_GUARDED_BY(mutex_);  // by the server, for good: why
  std::uint64_t losses_ LEAT_GUARDED_BY(mutex_) = 0;
  std::uint64_t refusals_ LEAT_GUARDED_BY(mutex_) = 0;
  std::string last_refusal_ LEAT_GUARDED_BY(mutex_);
  Mutex listeners_mutex_;
  std::set<ConnectionListener*> listeners_ LEAT_GUARDED_BY(listeners_mutex_);
};

}  // namespace leat::nats
