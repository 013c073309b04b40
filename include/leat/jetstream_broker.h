// The broker on NATS JetStream: a server (2.9 or later, started with -js) or a cluster.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "leat/broker.h"
#include "leat/log.h"

namespace leat {

struct JetStreamOptions {
  std::vector<std::string> servers{"localhost:4222"};  // "host:port" each; any that answers, the others on reconnect
  // Who we are: at most one of user, token, creds_file and nkey_seed_file. Secrets are in no log line and no message.
  std::string user{};
  std::string password{};
  std::string token{};
  std::string creds_file{};      // a user's JWT and seed
  std::string nkey_seed_file{};  // a user's seed ("SU...")
  // TLS: asked for by `tls` or by naming a file. The certificate must be for the host that is connected to.
  enum class Tls { kWhenFilesAreGiven, kAlways } tls = Tls::kWhenFilesAreGiven;
  std::string tls_ca{};    // PEM; the machine's authorities unless given
  std::string tls_cert{};  // PEM, with tls_key: our certificate for servers that ask for one
  std::string tls_key{};
  std::string connection_name = "leat";             // shown in the server's lists
  std::chrono::milliseconds connect_timeout{5000};  // for opening; a lost connection is retried for ever,
                                                    // unless the server takes its credentials no more
  std::string domain{};                             // of JetStream; it or api_prefix, not both
  std::string api_prefix{};                         // "$JS.API" unless given
  Clock* clock = nullptr;                           // borrowed; the machine's clock unless given
  Log* log = nullptr;                               // borrowed; nothing is logged unless given
};

// Connects. Errors: kInvalidArgument (options, a file), kUnavailable (no server answers: names them), kDenied (the
// credentials), kNotFound (the server has no JetStream).
Result<std::unique_ptr<Broker>> open_jetstream_broker(const JetStreamOptions& options);

}  // namespace leat
