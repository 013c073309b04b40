// One URL picks the broker; the rest of the program does not change.
//
//   memory:                                      in this process, gone with it
//   sqlite:jobs.db                               a file; `sqlite:/var/lib/app/jobs.db?sync=normal`
//   nats://host[:4222][,host...]                 a NATS server with JetStream, or a cluster; `tls://` for TLS
//
// Parameters follow `?` and are joined by `&`; percent-encoding as in any URL. An unknown one is an error.
//   sqlite: sync=full|normal     full (default): an ok survives a power cut; normal: it survives a crash of the process
//   nats:   user:password@ or token@ before the host; creds=FILE, nkey=SEEDFILE, tls_ca=FILE, tls_cert=FILE,
//   tls_key=FILE,
//           name=CONNECTION, connect_timeout=5s, domain=JETSTREAM_DOMAIN, prefix=API_PREFIX (either of the two),
//           replicas is no parameter: it belongs to the streams.
#pragma once

#include <memory>
#include <string_view>

#include "leat/broker.h"
#include "leat/log.h"

namespace leat {

struct OpenOptions {
  bool create = true;      // sqlite: a missing file is created; else it is refused with kNotFound. Servers: no effect
  Clock* clock = nullptr;  // borrowed; the machine's clock unless given. Only memory: honours a manual one everywhere
  Log* log = nullptr;      // borrowed; nothing is logged unless given. Secrets never are
};

// Errors: kInvalidArgument (the URL: says which part and what is expected), kUnavailable (unreachable server, locked
// file), kDenied (credentials), kNotFound (the server has no JetStream; the file or its directory is missing), kCorrupt
// (the file is no leat database).
Result<std::unique_ptr<Broker>> open_broker(std::string_view url, const OpenOptions& options = {});

}  // namespace leat
