#include "broker/jetstream/session.h"

#include <utility>

#include "core/text.h"
#include "nats/server_greeting.h"

namespace leat::jetstream {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kFewMessages = 8;  // so many messages cost less when each is sent by itself
constexpr milliseconds kAnswerTime{5000};
constexpr milliseconds kAskTime{10'000};
constexpr milliseconds kSessionPause{100};

// "2.15.1" as {2, 15}.
std::optional<std::pair<std::uint64_t, std::uint64_t>> major_minor(std::string_view version) {
  const std::size_t first = version.find('.');
  if (first == version.npos) return std::nullopt;
  const std::size_t second = version.find('.', first + 1);
  const auto major = parse_number(version.substr(0, first));
  const auto minor = parse_number(version.substr(first + 1, second == version.npos ? second : second - first - 1));
  if (!major || !minor) return std::nullopt;
  return std::pair(*major, *minor);
}

nats::ConnectionOptions connection_options(const JetStreamOptions& options, nats::Sending sending) {
  return {.servers = options.servers,
          .user = options.user,
          .password = options.password,
          .token = options.token,
          .creds_file = options.creds_file,
          .nkey_seed_file = options.nkey_seed_file,
          .tls = options.tls == JetStreamOptions::Tls::kAlways,
          .tls_ca = options.tls_ca,
          .tls_cert = options.tls_cert,
          .tls_key = options.tls_key,
          .name = options.connection_name,
          .connect_timeout = options.connect_timeout,
          .sending = sending,
          .log = options.log};
}

Result<std::string> api_prefix(const JetStreamOptions& options) {
  if (!options.domain.empty() && !options.api_prefix.empty()) {
    return Error(ErrorCode::kInvalidArgument, "give a JetStream domain or an API prefix, not both");
  }
  std::string prefix = options.api_prefix.empty() ? "$JS.API" : options.api_prefix;
  if (!options.domain.empty()) prefix = "$JS." + options.domain + ".API";
  while (prefix.ends_with('.')) prefix.pop_back();
  if (auto valid = check_subject(prefix); !valid) return valid.error().with_context("JetStream domain or API prefix");
  return prefix;
}

}  // namespace

bool ServerLevel::before(int major, int minor) const {
  const auto parsed = major_minor(version);
  return parsed && *parsed < std::pair<std::uint64_t, std::uint64_t>(major, minor);
}

bool ServerLevel::at_least(int major, int minor) const {
  const auto parsed = major_minor(version);
  return parsed && *parsed >= std::pair<std::uint64_t, std::uint64_t>(major, minor);
}

Session::Session(const JetStreamOptions& options)
    : clock_(options.clock == nullptr ? real_clock() : *options.clock),
      log_(options.log == nullptr ? no_log() : *options.log),
      connect_timeout_(options.connect_timeout) {}

Result<std::unique_ptr<Session>> Session::open(const JetStreamOptions& options) {
  if (options.servers.empty()) return Error(ErrorCode::kInvalidArgument, "no NATS server is named");
  auto prefix = api_prefix(options);
  if (!prefix) return prefix.error();
  std::unique_ptr<Session> session(new Session(options));
  auto control = nats::Connection::open(connection_options(options, nats::Sending::kAtOnce));
  if (!control) return control.error();
  session->control_ = std::move(*control);
  session->api_ = std::make_unique<Api>(*session->control_, *prefix, session->clock_);
  session->refresh_level();
  if (auto enabled = session->check_jetstream(); !enabled) return enabled.error();
  auto bulk = nats::Connection::open(connection_options(options, nats::Sending::kBuffered));
  if (!bulk) return bulk.error();
  session->bulk_ = std::move(*bulk);
  auto control_replies = nats::Replies::open(*session->control_);
  if (!control_replies) return control_replies.error();
  session->control_replies_ = std::move(*control_replies);
  auto bulk_replies = nats::Replies::open(*session->bulk_);
  if (!bulk_replies) return bulk_replies.error();
  session->bulk_replies_ = std::move(*bulk_replies);
  return session;
}

// A server that may not be asked is taken as it is: an account can be allowed to publish and pull alone.
Result<void> Session::check_jetstream() {
  const std::string subject = api_->subject("INFO");
  auto answer = control_->request(subject, {}, connect_timeout_);
  const std::string missing = "the NATS server at " + control_->connected_to() +
                              " has no JetStream for this account: start it with -js, or enable it for the account";
  if (!answer) {
    if (answer.error().code() == ErrorCode::kUnknown) return {};
    if (!control_->connected()) return answer.error();
    return Error(ErrorCode::kNotFound, missing + " (" + answer.error().message() + ")");
  }
  const auto parsed = parse_api_answer(answer->data());
  if (!parsed) return parsed.error().with_context(subject);
  if (parsed->error == ApiCode::kNotEnabled || parsed->error == ApiCode::kNotEnabledForAccount) {
    return Error(ErrorCode::kNotFound, missing);
  }
  return {};
}

ServerLevel Session::level() const {
  MutexLock lock(mutex_);
  return level_;
}

void Session::refresh_level() {
  auto greeting = nats::read_greeting(control_->connected_to(), connect_timeout_);
  if (!greeting) {
    log_.warn("NATS server version not known", {{"reason", greeting.error().message()}});
    return;
  }
  MutexLock lock(mutex_);
  level_ = {.version = std::move(greeting->version), .api_level = greeting->api_level};
}

std::vector<Result<nats::Received>> Session::ask_once(std::span<const nats::Request> requests) {
  nats::Connection& connection = requests.size() <= kFewMessages ? *control_ : *bulk_;
  const std::uint64_t refusals = connection.refusals();
  auto results = nats::request_all(connection, replies_of(connection), requests, kAnswerTime);
  if (connection.refusals() == refusals) return results;
  // A refused request gets no answer.
  const std::string refusal = connection.last_refusal();
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i] || results[i].error().code() != ErrorCode::kUnknown) continue;
    if (refusal.find(requests[i].subject) == refusal.npos) continue;
    results[i] = Error(ErrorCode::kDenied, "the account may not publish to " + requests[i].subject);
  }
  return results;
}

std::vector<Result<nats::Received>> Session::ask_all(std::span<const nats::Request> requests) {
  SteadyTime deadline = deadline_after(clock_, kAskTime);
  auto results = ask_once(requests);
  for (std::size_t missing_before = requests.size();;) {
    std::vector<std::size_t> missing;
    std::vector<nats::Request> again;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i] || results[i].error().code() == ErrorCode::kDenied) continue;
      missing.push_back(i);
      again.push_back(requests[i]);
    }
    if (missing.empty()) return results;
    if (std::exchange(missing_before, missing.size()) > missing.size()) deadline = deadline_after(clock_, kAskTime);
    if (clock_.steady() >= deadline) break;
    sleep_for(clock_, kSessionPause, {});
    auto answers = ask_once(again);
    for (std::size_t i = 0; i < missing.size(); ++i) results[missing[i]] = std::move(answers[i]);
  }
  for (auto& result : results) {
    if (!result && result.error().code() == ErrorCode::kUnknown) {
      result = Error(ErrorCode::kUnavailable, result.error().message());
    }
  }
  return results;
}

}  // namespace leat::jetstream
