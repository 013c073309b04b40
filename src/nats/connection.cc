#include "nats/connection.h"

#include <algorithm>
#include <mutex>

#include "core/text.h"
#include "core/thread.h"
#include "nats/login.h"

namespace leat::nats {
namespace {

constexpr int kReconnectBuffer = 8 << 20;
constexpr int kPingInterval = 10'000;  // ms; two unanswered ones end a connection
constexpr int kReconnectWait = 200;    // ms between tries over all servers
constexpr int kSignAgain = 2;

Error connect_error(natsStatus status, const ConnectionOptions& options) {
  const std::string where = joined(options.servers);
  natsStatus last = NATS_OK;
  const char* detail = nats_GetLastError(&last);
  const std::string reason = detail != nullptr && *detail != '\0' ? detail : natsStatus_GetText(status);
  switch (static_cast<int>(status)) {
    case NATS_CONNECTION_AUTH_FAILED:
      return {ErrorCode::kDenied, "the NATS server at " + where +
                                      " refuses the credentials: check user and password, "
                                      "token, creds or nkey"};
    case NATS_SSL_ERROR:
    case NATS_SECURE_CONNECTION_REQUIRED:
    case NATS_SECURE_CONNECTION_WANTED:
      return {ErrorCode::kDenied,
              "no TLS connection to " + where + ": " + reason + "; check tls://, tls_ca, tls_cert and tls_key"};
    case NATS_NO_SERVER:
    case NATS_TIMEOUT:
    case NATS_IO_ERROR:
    case NATS_CONNECTION_CLOSED:
      return {ErrorCode::kUnavailable,
              "no NATS server answers at " + where + " (" + reason + "): start one, or correct the address"};
    default: return {ErrorCode::kUnavailable, "cannot connect to " + where + ": " + reason};
  }
}

// nats.c refuses a null pointer, also for no bytes.
const char* bytes_of(std::string_view data) {
  return data.data() == nullptr ? "" : data.data();
}

// nats.c takes C strings; a view of a std::string or a literal is not always one.
natsStatus set_headers(natsMsg* message, const Headers& headers) {
  std::string name, value;
  for (const auto& [key, text] : headers) {
    name.assign(key);
    value.assign(text);
    if (const natsStatus status = natsMsgHeader_Set(message, name.c_str(), value.c_str()); status != NATS_OK) {
      return status;
    }
  }
  return NATS_OK;
}

}  // namespace

// What nats.c calls; the closure is the Connection.
struct ConnectionCallbacks {
  static void disconnected(natsConnection*, void* closure) { static_cast<Connection*>(closure)->on_disconnected(); }
  static void reconnected(natsConnection*, void* closure) { static_cast<Connection*>(closure)->on_reconnected(); }
  static void closed(natsConnection* connection, void* closure) {
    static_cast<Connection*>(closure)->on_closed(last_error(connection));
  }
  // The subscription may be gone already (nats.c before 3.7), so it is not touched.
  static void error(natsConnection* connection, natsSubscription*, natsStatus status, void* closure) {
    const std::string told = last_error(connection);
    static_cast<Connection*>(closure)->on_error(told.empty() ? natsStatus_GetText(status) : told);
  }
  static std::string last_error(natsConnection* connection) {
    const char* detail = nullptr;
    natsConnection_GetLastError(connection, &detail);
    return detail == nullptr ? "" : detail;
  }

  static natsStatus apply(natsOptions* options, Connection& to) {
    natsStatus status = natsOptions_SetDisconnectedCB(options, disconnected, &to);
    if (status == NATS_OK) status = natsOptions_SetReconnectedCB(options, reconnected, &to);
    if (status == NATS_OK) status = natsOptions_SetClosedCB(options, closed, &to);
    if (status == NATS_OK) status = natsOptions_SetErrorHandler(options, error, &to);
    return status;
  }
};

namespace {

natsStatus apply_transport(natsOptions* to, const ConnectionOptions& options) {
  std::vector<std::string> urls;
  for (const std::string& server : options.servers) urls.push_back("nats://" + server);
  std::vector<const char*> pointers;
  for (const std::string& url : urls) pointers.push_back(url.c_str());
  const auto timeout = std::max<std::int64_t>(1, options.connect_timeout.count());
  const natsStatus steps[] = {natsOptions_SetServers(to, pointers.data(), static_cast<int>(pointers.size())),
                              natsOptions_SetName(to, options.name.c_str()),
                              natsOptions_SetTimeout(to, timeout),
                              natsOptions_SetMaxReconnect(to, -1),
                              natsOptions_SetReconnectWait(to, kReconnectWait),
                              natsOptions_SetReconnectJitter(to, 200, 400),
                              natsOptions_SetReconnectBufSize(to, kReconnectBuffer),
                              natsOptions_SetPingInterval(to, kPingInterval),
                              natsOptions_SetMaxPingsOut(to, 2),
                              natsOptions_SetMaxPendingMsgs(to, 1 << 20),
                              natsOptions_SetFailRequestsOnDisconnect(to, true),
                              natsOptions_SetSendAsap(to, options.sending == Sending::kAtOnce)};
  const auto* bad = std::find_if(std::begin(steps), std::end(steps), [](natsStatus s) { return s != NATS_OK; });
  return bad == std::end(steps) ? NATS_OK : *bad;
}

// nats.c frees messages on a thread of its own and wakes it for almost each. As a batch thread it leaves the process
// less than half of its context switches while jobs are enqueued. Its threads inherit that from whoever opens the
// library, for as long as the process lives.
void open_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    start_thread("nats-open", [](const std::stop_token&) {
      become_batch_thread();
      (void)nats_Open(-1);
    }).join();
  });
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const ConnectionOptions& options) {
  open_library();
  natsOptions* raw = nullptr;
  if (natsOptions_Create(&raw) != NATS_OK) return Error(ErrorCode::kInternal, "nats.c gives no options");
  const OptionsHandle handle(raw);
  std::unique_ptr<Connection> connection(new Connection(options.log == nullptr ? no_log() : *options.log));
  connection->name_ = options.name;
  natsStatus status = apply_transport(raw, options);
  if (status == NATS_OK) status = ConnectionCallbacks::apply(raw, *connection);
  if (status != NATS_OK) {
    return Error(ErrorCode::kInvalidArgument, "server address " + joined(options.servers) + ": " +
                                                  natsStatus_GetText(status) + "; expected host:port");
  }
  if (auto login = apply_login(raw, options); !login) return login.error();
  natsConnection* connected = nullptr;
  status = natsConnection_Connect(&connected, raw);
  // nats.c before 3.8 sends no signature when its first byte is zero: one login in 256 is refused without a reason.
  const bool signs = !options.creds_file.empty() || !options.nkey_seed_file.empty();
  for (int again = 0; signs && status == NATS_CONNECTION_AUTH_FAILED && again < kSignAgain; ++again) {
    status = natsConnection_Connect(&connected, raw);
  }
  if (status != NATS_OK) return connect_error(status, options);
  connection->connection_.reset(connected);
  return connection;
}

Connection::~Connection() {
  if (connection_ == nullptr) return;
  {
    MutexLock lock(mutex_);
    closing_ = true;
  }
  natsConnection_Close(connection_.get());
  MutexLock lock(mutex_);
  closed_changed_.wait(mutex_, [this]() LEAT_REQUIRES(mutex_) { return closed_; });
}

Result<void> Connection::publish(const char* subject, const char* reply, std::string_view data) {
  const int size = static_cast<int>(data.size());
  const natsStatus status =
      reply == nullptr ? natsConnection_Publish(connection_.get(), subject, bytes_of(data), size)
                       : natsConnection_PublishRequest(connection_.get(), subject, reply, bytes_of(data), size);
  if (status != NATS_OK) return send_error(status);
  return {};
}

Result<void> Connection::publish(const Message& message, const char* reply, std::span<const ExtraHeader> extra) {
  if (message.headers.empty() && extra.empty()) return publish(message.subject.c_str(), reply, message.payload);
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, message.subject.c_str(), reply, message.payload.data(),
                                     static_cast<int>(message.payload.size()));
  const MessageHandle handle(raw);
  if (status == NATS_OK) status = set_headers(raw, message.headers);
  for (const ExtraHeader& header : extra) {
    if (status == NATS_OK) status = natsMsgHeader_Set(raw, header.name, header.value.c_str());
  }
  if (status == NATS_OK) status = natsConnection_PublishMsg(connection_.get(), raw);
  if (status != NATS_OK) return send_error(status);
  return {};
}

Error Connection::send_error(natsStatus status) const {
  if (auto open = check_open(); !open) return open.error();
  if (status == NATS_MAX_PAYLOAD) {
    return {ErrorCode::kInvalidArgument,
            "the message is larger than the server's max_payload of " + std::to_string(max_payload()) + " bytes"};
  }
  return {ErrorCode::kUnavailable, std::string("not sent: ") + natsStatus_GetText(status)};
}

Result<Received> Connection::request(const std::string& subject, std::string_view body,
                                     std::chrono::milliseconds timeout) {
  natsMsg* answer = nullptr;
  const natsStatus status =
      natsConnection_Request(&answer, connection_.get(), subject.c_str(), bytes_of(body), static_cast<int>(body.size()),
                             std::max<std::int64_t>(1, timeout.count()));
  if (status == NATS_OK) return Received(answer);
  if (status == NATS_NO_RESPONDERS) return Error(ErrorCode::kUnavailable, "nobody answers to " + subject);
  if (status == NATS_TIMEOUT) return Error(ErrorCode::kUnknown, "no answer in time to " + subject);
  if (auto open = check_open(); !open) return open.error();
  return Error(ErrorCode::kUnavailable, subject + ": " + natsStatus_GetText(status));
}

void Connection::flush(std::chrono::milliseconds timeout) {
  // A failure is no news here: whoever waits for an answer sees that it does not come.
  (void)natsConnection_FlushTimeout(connection_.get(), std::max<std::int64_t>(1, timeout.count()));
}

bool Connection::connected() const {
  return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
}

Result<void> Connection::check_open() const {
  MutexLock lock(mutex_);
  if (!ended_) return {};
  return Error(ErrorCode::kDenied, "the NATS server has ended the connection for good (" + *ended_ +
                                       "): check the credentials, then open the broker anew");
}

std::uint64_t Connection::losses() const {
  MutexLock lock(mutex_);
  return losses_;
}

std::size_t Connection::max_payload() const {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, natsConnection_GetMaxPayload(connection_.get())));
}

std::string Connection::connected_to() const {
  char url[512] = {};
  if (natsConnection_GetConnectedUrl(connection_.get(), url, sizeof(url)) != NATS_OK) return {};
  std::string_view text(url);
  if (const std::size_t scheme = text.find("://"); scheme != text.npos) text.remove_prefix(scheme + 3);
  if (const std::size_t at = text.rfind('@'); at != text.npos) text.remove_prefix(at + 1);
  return std::string(text);
}

std::string Connection::make_inbox() const {
  natsInbox* inbox = nullptr;
  if (natsInbox_Create(&inbox) != NATS_OK) return {};
  std::string text(inbox);
  natsInbox_Destroy(inbox);
  return text;
}

std::uint64_t Connection::refusals() const {
  MutexLock lock(mutex_);
  return refusals_;
}

std::string Connection::last_refusal() const {
  MutexLock lock(mutex_);
  return last_refusal_;
}

void Connection::add(ConnectionListener& listener) {
  MutexLock lock(listeners_mutex_);
  listeners_.insert(&listener);
}

void Connection::remove(ConnectionListener& listener) {
  MutexLock lock(listeners_mutex_);
  listeners_.erase(&listener);
}

void Connection::on_disconnected() {
  {
    MutexLock lock(mutex_);
    if (closing_) return;  // our own doing
    ++losses_;
  }
  log_.warn("NATS connection lost", {{"connection", name_}});
  MutexLock lock(listeners_mutex_);
  for (ConnectionListener* listener : listeners_) listener->on_disconnected();
}

void Connection::on_reconnected() {
  log_.info("NATS connection is back", {{"connection", name_}, {"server", connected_to()}});
  MutexLock lock(listeners_mutex_);
  for (ConnectionListener* listener : listeners_) listener->on_reconnected();
}

void Connection::on_closed(std::string why) {
  bool ours = false;
  {
    MutexLock lock(mutex_);
    ours = closing_;
    if (!ours) ended_ = why.empty() ? "no reason is known" : why;
  }
  if (!ours) {
    log_.error("NATS connection ended for good", {{"connection", name_}, {"reason", why}});
    MutexLock lock(listeners_mutex_);
    for (ConnectionListener* listener : listeners_) listener->on_closed();
  }
  MutexLock lock(mutex_);
  closed_ = true;
  closed_changed_.notify_all();
}

void Connection::on_error(std::string text) {
  log_.warn("NATS server refused", {{"connection", name_}, {"reason", text}});
  MutexLock lock(mutex_);
  ++refusals_;
  last_refusal_ = std::move(text);
}

}  // namespace leat::nats
