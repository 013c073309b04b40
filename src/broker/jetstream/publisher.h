// Appends messages: pipelined, each answered by itself, repeated when an answer is lost.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "broker/jetstream/session.h"
#include "broker/jetstream/stream_catalog.h"
#include "leat/broker.h"

namespace leat::jetstream {

// Thread-safe.
class Publisher {
 public:
  Publisher(Session& session, StreamCatalog& catalog) : session_(session), catalog_(catalog) {}

  // As Broker::append(). 30 s without an answer make kUnknown, or kUnavailable where nothing was sent.
  std::vector<Result<Appended>> append(std::string_view stream, std::span<const AppendRequest> requests);

 private:
  Session& session_;
  StreamCatalog& catalog_;
};

}  // namespace leat::jetstream
