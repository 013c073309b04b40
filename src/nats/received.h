// One message as it came from the server. All views live as long as the message.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "leat/message.h"
#include "nats/handles.h"

namespace leat::nats {

// Move-only; not thread-safe.
class Received {
 public:
  Received() = default;
  explicit Received(natsMsg* message) : message_(message) {}

  explicit operator bool() const { return message_ != nullptr; }

  std::string_view subject() const { return natsMsg_GetSubject(message_.get()); }
  std::string_view reply() const;  // empty when none
  std::string_view data() const;

  // The three digits that a server puts in front of the headers ("408"); 0 for an ordinary message.
  int status() const;
  // What stands beside the status ("Request Timeout"); empty when none.
  std::string_view status_text() const { return header("Description").value_or(std::string_view{}); }
  // True when nobody listens on the subject of the request that this answers.
  bool no_responders() const { return natsMsg_IsNoResponders(message_.get()); }

  std::optional<std::string_view> header(const char* name) const;

  // All headers but those whose name begins with `skip`, the first value of each name. Call it before header(): that
  // reads the block in a way that changes it.
  Headers headers(std::string_view skip) const;

 private:
  MessageHandle message_;
};

// Reads a header block ("NATS/1.0", lines of `Name: value`), but not the names that begin with `skip` (empty: reads
// all). False when it is none; `headers` is then incomplete.
bool parse_header_block(std::string_view block, std::string_view skip, Headers& headers);

}  // namespace leat::nats
