// Reads the messages of a stream in order, without leases: looking is not taking.
//
// Of a stream with replicas on JetStream any of them may be read: a message that was removed a moment ago may still
// come.
//
// On a work queue it reads what is there (waiting, leased and retrying alike) and changes nothing for the consumers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "leat/message.h"
#include "leat/result.h"

namespace leat {

struct ReaderConfig {
  std::string stream;
  std::string filter = ">";               // subject filter
  std::uint64_t from_sequence = 0;        // first sequence to read; 0 and 1 are the beginning
  std::uint64_t last_sequence = 0;        // last sequence to read, not before the first; 0: no end but the stream's
  std::optional<SystemTime> from_time{};  // first time to read; with from_sequence too, the later of both counts
  bool headers_only = false;              // leaves payloads empty
  bool follow = false;                    // waits for new messages at the end; not with a last_sequence
};

struct ReadOptions {
  std::size_t max_count = 256;  // 1 to 10'000
  // Of subjects, headers (not on JetStream) and payloads; 1 or more. The message that reaches it is the last one of the
  // read.
  std::size_t max_bytes = 16 * 1024 * 1024;
  std::chrono::milliseconds max_wait{5000};  // following readers only: for the first message
};

// Not thread-safe: one thread at a time. Lifetime: the Broker that opened it must outlive it.
class Reader {
 public:
  virtual ~Reader() = default;

  // The next messages by sequence. Empty: the end (what was in the stream when this call began is read), or for a
  // following reader the end of the wait; call again to read what came since. Empty too when `stop` is requested.
  // Errors: kUnavailable (safe to call again: goes on after the last message returned), kNotFound (the stream is gone).
  virtual Result<std::vector<StoredMessage>> read(const ReadOptions& options, std::stop_token stop) = 0;
};

}  // namespace leat
