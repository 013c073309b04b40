// What the server says on a consumer's inbox that is no message: heartbeats, ends of requests, bad news.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nats/received.h"

namespace leat::jetstream {

struct PullStatus {
  enum class Kind {
    kHeartbeat,
    kEnded,    // this request is over: time, nothing there, batch complete
    kRetry,    // this request is over for a reason that passes: a new leader, a server that stops, too many requests
    kNobody,   // nobody answers: no such consumer, or an election
    kDeleted,  // the consumer or its stream is deleted
    kFault,    // the request itself is refused: it would be again
  };
  Kind kind = Kind::kHeartbeat;
  std::uint64_t request = 0;               // 0: none is named
  std::optional<std::size_t> undelivered;  // kEnded, kRetry
  std::string text;
};

// `inbox` is what stands before the request's number in the subject, with its dot.
PullStatus read_pull_status(const nats::Received& message, std::string_view inbox);

// The part that looks at the words alone.
PullStatus::Kind pull_status_kind(int status, std::string_view text);

}  // namespace leat::jetstream
