// The server's answer to a stored (or refused) message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leat::jetstream {

struct PubAck {
  std::uint64_t sequence = 0;
  bool duplicate = false;
  int error = 0;  // the server's err_code; 0 when the message is stored
  int code = 0;   // as HTTP; 0 when the message is stored
  std::string description{};
};

// Empty when the text is no such answer. The common answers are read without a JSON parser.
std::optional<PubAck> parse_pub_ack(std::string_view text);

}  // namespace leat::jetstream
