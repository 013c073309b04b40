// The first line that a NATS server sends to whoever connects: its name, version and limits.
//
// nats.c keeps it to itself (its version is in no public call), so it is read on a socket of its own.
#pragma once

#include <chrono>
#include <string>

#include "leat/result.h"

namespace leat::nats {

struct ServerGreeting {
  std::string version;  // "2.9.10"
  int api_level = 0;    // of JetStream; 0 before 2.11
  bool jetstream = false;
  std::string domain;
};

// Errors: kUnavailable (unreachable, or it sends nothing: behind a proxy or with TLS from the first byte), kCorrupt.
Result<ServerGreeting> read_greeting(const std::string& address, std::chrono::milliseconds timeout);

// Takes the line apart: "INFO {...}". kCorrupt when it is none.
Result<ServerGreeting> parse_greeting(std::string_view line);

}  // namespace leat::nats
