// Who we are to the server: TLS files and credentials, put into nats.c's options.
#pragma once

#include "leat/result.h"
#include "nats/connection.h"

namespace leat::nats {

// Errors: kInvalidArgument naming the file that cannot be read or used; no message holds a secret.
Result<void> apply_login(natsOptions* to, const ConnectionOptions& options);

// The public key ("U...") of an encoded user seed ("SU..."). kInvalidArgument when the text is no user seed.
Result<std::string> public_nkey(std::string_view seed);

}  // namespace leat::nats
