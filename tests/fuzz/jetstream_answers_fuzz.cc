// What a JetStream server (or somebody who plays one) sends is read without trust.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "broker/jetstream/ack_subject.h"
#include "broker/jetstream/lookup.h"
#include "broker/jetstream/pub_ack.h"
#include "nats/received.h"
#include "nats/server_greeting.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)leat::jetstream::parse_ack_subject(text);
  (void)leat::jetstream::parse_found(text, "stream");
  (void)leat::nats::parse_greeting(text);
  leat::Headers headers;
  (void)leat::nats::parse_header_block(text, "Nats-", headers);
  const auto ack = leat::jetstream::parse_pub_ack(text);
  // Something was stored under a number, or there is an error: never neither and never both.
  if (ack && (ack->sequence != 0) == (ack->error != 0 || ack->code != 0)) std::abort();
  return 0;
}
