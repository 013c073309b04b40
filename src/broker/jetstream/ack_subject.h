// The reply subject of a pulled message: it says which delivery this is, and is where it is settled.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "leat/clock.h"

namespace leat::jetstream {

struct AckSubject {
  std::uint64_t delivered = 0;          // how many times, this one included
  std::uint64_t stream_sequence = 0;    // of the message
  std::uint64_t consumer_sequence = 0;  // counts the consumer's deliveries
  std::uint64_t pending = 0;            // messages that the consumer has not been given yet
  SystemTime time{};                    // when the message was stored
};

// Reads both forms: `$JS.ACK.<stream>.<consumer>.<five numbers>`, and the one with domain and account hash in front of
// the stream and perhaps one token at the end. Empty when the subject is neither.
std::optional<AckSubject> parse_ack_subject(std::string_view subject);

}  // namespace leat::jetstream
